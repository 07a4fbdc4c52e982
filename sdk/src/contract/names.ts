/**
 * The names that proto names become: the key of a method in clients and handlers, and the name a service is
 * registered under. Generated code and contracts loaded at run time share them.
 */
import type { Checked } from "./problem.ts";

/** Members that every object has, and `then`, which makes `await` call the object: a method may not shadow these. */
const TAKEN = new Set([
  "constructor",
  "hasOwnProperty",
  "isPrototypeOf",
  "propertyIsEnumerable",
  "toLocaleString",
  "toString",
  "valueOf",
  "toJSON",
  "then",
  "__proto__",
  "__defineGetter__",
  "__defineSetter__",
  "__lookupGetter__",
  "__lookupSetter__",
]);

/** A DNS label (RFC 1123 section 2.1): what Consul accepts in a service's DNS name. */
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const MAX_DNS_LABEL_CHARS = 63;

/** A proto name in camelCase, the way JSON names are made from it: "say_hello" is "sayHello", "SayHello" stays. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-zA-Z0-9]?)/g, (_, next: string) => next.toUpperCase());
}

/**
 * The key of a method in clients and handlers: "SayHello" is "sayHello". Names that would shadow a member of every
 * object get a trailing "$": "ToString" is "toString$", "Then" is "then$".
 */
export function methodKey(name: string): string {
  const camel = camelCase(name);
  const key = camel.charAt(0).toLowerCase() + camel.slice(1);
  if (!/^[a-z]/.test(key)) return TAKEN.has(name) ? `${name}$` : name;
  return TAKEN.has(key) ? `${key}$` : key;
}

/**
 * The name a service is registered and discovered under.
 *
 * @param typeName full name of the proto service: "greeter.v1.GreeterService".
 * @param option the name in its option (meshwork.v1.service); default: the service's own name in kebab-case without a
 *   trailing "Service": GreeterService is "greeter", UserAccountService is "user-account".
 */
export function meshName(typeName: string, option?: string): Checked<string> {
  const chosen = option !== undefined && option !== "";
  const name = chosen ? option : kebabCase(withoutSuffix(typeName.slice(typeName.lastIndexOf(".") + 1)));
  const fault = dnsLabelFault(name);
  if (fault === undefined) return { value: name, problems: [] };
  const cure = chosen ? "choose another" : 'set option (meshwork.v1.service) = {name: "..."}';
  const message = `name "${name}" ${fault}: ${cure}`;
  return { value: name, problems: [{ subject: typeName, field: "name", message }] };
}

function withoutSuffix(name: string): string {
  return name.replace(/(?<=.)_*Service$/, "");
}

function kebabCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .replace(/_+/g, "-")
    .replace(/-{2,}/g, "-")
    .replace(/^-|-$/g, "")
    .toLowerCase();
}

function dnsLabelFault(name: string): string | undefined {
  if (name.length > MAX_DNS_LABEL_CHARS) return `has ${name.length} characters where DNS allows ${MAX_DNS_LABEL_CHARS}`;
  if (DNS_LABEL.test(name)) return undefined;
  return "is not a DNS label (a-z, 0-9 and, inside, hyphens)";
}
