/**
 * Descriptors (descriptor.proto) of parsed proto files. protobufjs can write them too, but without imports, syntax,
 * proto3's optional and JSON names, and with every file of a package in one: nothing that reflection could serve.
 */
import {
  create,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  Edition,
  type EnumDescriptorProto,
  EnumDescriptorProtoSchema,
  EnumOptionsSchema,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as FieldType,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import type * as Protobufjs from "protobufjs";
import { camelCase } from "./names.ts";
import type { ProtoFile } from "./proto-files.ts";

const SCALARS: Readonly<Record<string, FieldType>> = {
  double: FieldType.DOUBLE,
  float: FieldType.FLOAT,
  int64: FieldType.INT64,
  uint64: FieldType.UINT64,
  int32: FieldType.INT32,
  fixed64: FieldType.FIXED64,
  fixed32: FieldType.FIXED32,
  bool: FieldType.BOOL,
  string: FieldType.STRING,
  bytes: FieldType.BYTES,
  uint32: FieldType.UINT32,
  sfixed32: FieldType.SFIXED32,
  sfixed64: FieldType.SFIXED64,
  sint32: FieldType.SINT32,
  sint64: FieldType.SINT64,
};

export class ProtoDescriber {
  readonly #protobufjs: typeof Protobufjs;
  /** All files merged, where names are resolved. */
  readonly #all: Protobufjs.Root;

  constructor(protobufjs: typeof Protobufjs, all: Protobufjs.Root) {
    this.#protobufjs = protobufjs;
    this.#all = all;
  }

  file(file: ProtoFile): FileDescriptorProto {
    const scope = file.package === "" ? file.root : file.root.lookup(file.package);
    const nested = (scope as Protobufjs.NamespaceBase | null)?.nestedArray ?? [];
    const { Enum, Field, Service, Type } = this.#protobufjs;
    const edition = file.syntax === "2023" ? Edition.EDITION_2023 : undefined;
    const options = scope === null ? undefined : optionsOf(scope, FileOptionsSchema);
    return create(FileDescriptorProtoSchema, {
      name: file.name,
      package: file.package,
      dependency: [...file.imports],
      publicDependency: file.imports.flatMap((name, index) => (file.publicImports.has(name) ? [index] : [])),
      messageType: nested.filter((one) => one instanceof Type).map((type) => this.#message(type)),
      enumType: nested.filter((one) => one instanceof Enum).map(describeEnum),
      service: nested.filter((one) => one instanceof Service).map((service) => this.#service(service)),
      extension: nested.filter((one) => one instanceof Field).map((field) => this.#field(field)),
      ...(edition === undefined ? { syntax: file.syntax } : { syntax: "editions", edition }),
      ...(options === undefined ? {} : { options }),
    });
  }

  #message(type: Protobufjs.Type): DescriptorProto {
    const { Enum, Field, Type } = this.#protobufjs;
    // Oneofs of a single proto3 optional field exist for the compiler only, and come last.
    const oneofs = type.oneofsArray.toSorted((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)));
    // protobufjs gives an extended message a field for each extension.
    const fields = type.fieldsArray.filter((field) => field.declaringField === null);
    const maps = fields.filter((field) => field.map);
    const options = optionsOf(type, MessageOptionsSchema);
    const reserved = type.reserved ?? [];
    return create(DescriptorProtoSchema, {
      name: type.name,
      field: fields.map((field) => this.#field(field, oneofs)),
      nestedType: [
        ...type.nestedArray.filter((one) => one instanceof Type).map((one) => this.#message(one)),
        ...maps.map((field) => this.#mapEntry(field)),
      ],
      enumType: type.nestedArray.filter((one) => one instanceof Enum).map(describeEnum),
      extension: type.nestedArray.filter((one) => one instanceof Field).map((field) => this.#field(field)),
      oneofDecl: oneofs.map(({ name }) => ({ name })),
      extensionRange: (type.extensions ?? []).map(exclusive),
      reservedRange: reserved.filter((one) => typeof one !== "string").map(exclusive),
      reservedName: reserved.filter((one) => typeof one === "string"),
      ...(options === undefined ? {} : { options }),
    });
  }

  #field(field: Protobufjs.Field, oneofs: readonly Protobufjs.OneOf[] = []): FieldDescriptorProto {
    const { default: initial, json_name: jsonName, ...known } = plainOptions(field);
    const options = Object.keys(known).length === 0 ? undefined : toOptions(known, FieldOptionsSchema, field);
    const optional = field.options?.["proto3_optional"] === true;
    return create(FieldDescriptorProtoSchema, {
      name: field.name,
      number: field.id,
      label: field.map || field.repeated ? Label.REPEATED : isRequired(field) ? Label.REQUIRED : Label.OPTIONAL,
      jsonName: typeof jsonName === "string" ? jsonName : camelCase(field.name),
      ...(field.map
        ? { type: FieldType.MESSAGE, typeName: `${field.parent?.fullName}.${mapEntryName(field)}` }
        : this.#type(field, field.type)),
      ...(field.extend === undefined ? {} : { extendee: this.#resolve(field, field.extend).fullName }),
      ...(field.partOf === null ? {} : { oneofIndex: oneofs.indexOf(field.partOf) }),
      ...(optional ? { proto3Optional: true } : {}),
      ...(initial === undefined ? {} : { defaultValue: defaultText(initial) }),
      ...(options === undefined ? {} : { options }),
    });
  }

  #mapEntry(field: Protobufjs.Field): DescriptorProto {
    const { keyType } = field as unknown as Protobufjs.MapField;
    const key = { name: "key", number: 1, label: Label.OPTIONAL, jsonName: "key" };
    const value = { name: "value", number: 2, label: Label.OPTIONAL, jsonName: "value" };
    return create(DescriptorProtoSchema, {
      name: mapEntryName(field),
      field: [
        create(FieldDescriptorProtoSchema, { ...key, ...this.#type(field, keyType) }),
        create(FieldDescriptorProtoSchema, { ...value, ...this.#type(field, field.type) }),
      ],
      options: { mapEntry: true },
    });
  }

  #service(service: Protobufjs.Service): ServiceDescriptorProto {
    const options = optionsOf(service, ServiceOptionsSchema);
    return create(ServiceDescriptorProtoSchema, {
      name: service.name,
      method: service.methodsArray.map((method) => {
        const options = optionsOf(method, MethodOptionsSchema);
        return {
          name: method.name,
          inputType: this.#resolve(method, method.requestType).fullName,
          outputType: this.#resolve(method, method.responseType).fullName,
          clientStreaming: method.requestStream === true,
          serverStreaming: method.responseStream === true,
          ...(options === undefined ? {} : { options }),
        };
      }),
      ...(options === undefined ? {} : { options }),
    });
  }

  #type(field: Protobufjs.Field, name: string): { type: FieldType; typeName?: string } {
    const scalar = SCALARS[name];
    if (scalar !== undefined) return { type: scalar };
    const found = this.#resolve(field, name);
    if (found instanceof this.#protobufjs.Enum) return { type: FieldType.ENUM, typeName: found.fullName };
    const group = (found as { readonly group?: boolean }).group === true;
    return { type: group ? FieldType.GROUP : FieldType.MESSAGE, typeName: found.fullName };
  }

  /** A type by the name it is referred to, as seen from inside the object's parent. */
  #resolve(from: Protobufjs.ReflectionObject, name: string): Protobufjs.ReflectionObject {
    const scope = from.parent?.fullName.slice(1) ?? "";
    const place = (scope === "" ? this.#all : this.#all.lookup(scope)) as Protobufjs.NamespaceBase | null;
    const found = place?.lookup(name, [this.#protobufjs.Type, this.#protobufjs.Enum]);
    if (found === undefined || found === null) throw new Error(`${from.fullName.slice(1)}: no type is named "${name}"`);
    return found;
  }
}

function describeEnum(one: Protobufjs.Enum): EnumDescriptorProto {
  const options = optionsOf(one, EnumOptionsSchema);
  return create(EnumDescriptorProtoSchema, {
    name: one.name,
    value: Object.entries(one.values).map(([name, number]) => ({ name, number })),
    ...(options === undefined ? {} : { options }),
  });
}

/** protobufjs's own `required` is known only after it resolved the field. */
function isRequired(field: Protobufjs.Field): boolean {
  return "rule" in field && field.rule === "required";
}

function isSynthetic(oneof: Protobufjs.OneOf): boolean {
  const [only] = oneof.fieldsArray;
  return oneof.fieldsArray.length === 1 && only?.options?.["proto3_optional"] === true;
}

/** As protoc names them: CamelCase of the field and "Entry". */
function mapEntryName(field: Protobufjs.Field): string {
  const camel = camelCase(field.name);
  return `${camel.charAt(0).toUpperCase()}${camel.slice(1)}Entry`;
}

/** protobufjs keeps the last number of a range, descriptors the one behind it. */
function exclusive(range: readonly number[]): { start: number; end: number } {
  const [start = 0, last = start] = range;
  return { start, end: last + 1 };
}

function defaultText(value: JsonValue): string {
  if (typeof value !== "number" || Number.isFinite(value))
    return typeof value === "string" ? value : JSON.stringify(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function optionsOf<Desc extends DescMessage>(
  from: Protobufjs.ReflectionObject,
  schema: Desc,
): MessageShape<Desc> | undefined {
  const known = plainOptions(from);
  return Object.keys(known).length === 0 ? undefined : toOptions(known, schema, from);
}

/** Options of descriptor.proto alone; custom ones stand in parentheses and mean nothing to reflection. */
function plainOptions(from: Protobufjs.ReflectionObject): JsonObject {
  const parsed = (from.parsedOptions ?? []) as unknown as readonly JsonObject[];
  const entries = parsed.flatMap((one) => Object.entries(one)).filter(([name]) => !name.startsWith("("));
  return Object.fromEntries(entries);
}

function toOptions<Desc extends DescMessage>(
  json: JsonObject,
  schema: Desc,
  from: Protobufjs.ReflectionObject,
): MessageShape<Desc> {
  try {
    return fromJson(schema, json, { ignoreUnknownFields: true });
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    throw new Error(`${from.fullName.slice(1)}: option is not valid: ${fault}`, { cause: error });
  }
}
