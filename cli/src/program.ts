/** The command line of mesh: its commands, options and help. What a command needs is loaded when it runs. */
import { createRequire } from "node:module";
import { Command, Option } from "commander";

export interface Actions {
  call(options: CallArguments): Promise<void>;
  ls(options: LsArguments): Promise<void>;
  agent(options: AgentArguments): Promise<void>;
}

/** As written; call-action.ts reads them. */
export interface CallArguments {
  readonly words: readonly string[];
  readonly target?: string;
  readonly proto?: readonly string[];
  readonly include?: readonly string[];
  readonly metadata?: readonly string[];
  readonly timeout?: string;
  readonly headers?: true;
  readonly json?: true;
  readonly output?: "json" | "pretty";
  readonly emitDefaults?: true;
  readonly verbose?: true;
}

export interface LsArguments extends Pick<CallArguments, "target" | "json" | "verbose"> {
  readonly service?: string;
}

export interface AgentArguments {
  readonly port: string;
  readonly host?: string;
  readonly force?: boolean;
  readonly token?: string;
}

export function createProgram(actions: Actions): Command {
  const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };
  const program = new Command("mesh")
    .description("Call and list the services of a mesh, or of any gRPC server with reflection.")
    .version(version, "-V, --version")
    .exitOverride()
    .showHelpAfterError("(mesh <command> --help lists its options)");
  addCall(program, actions);
  addLs(program, actions);
  program
    .command("agent")
    .description("Run a registry in memory for this machine, for development: it speaks Consul's HTTP API")
    .option("--port <port>", "where to listen; 0 takes any free port", "8500")
    .option("--host <host>", "the address to listen on; default 127.0.0.1, others need --force")
    .option("--force", "listen for other machines, or run in production")
    .addOption(
      new Option(
        "--token <token>",
        "answer only requests that carry it, as CONSUL_HTTP_TOKEN makes them; without one everybody may change everything",
      ).env("MESH_AGENT_TOKEN"),
    )
    .action((options: AgentArguments) => actions.agent(options));
  return program;
}

function addCall(program: Command, actions: Actions): void {
  program
    .command("call")
    .summary("Call a method with JSON and print its answer as JSON")
    .description(
      "Call a method with proto3 JSON and print what it answers. The service is found in Consul by its mesh name unless " +
        "--target names it; its contract comes from the server's reflection unless --proto names it.",
    )
    .usage("[options] <service>/<Method> [json | @file | -]")
    .argument(
      "<words...>",
      "service and method: greeter/SayHello, greeter.v1.GreeterService/SayHello; then the request",
    )
    .option(
      "-t, --target <target>",
      "host:port, consul:///name, static:///host:port,..., dns:///host:port or unix:///path",
    )
    .option("-p, --proto <file>", "take the contract from a .proto file; may be repeated", gather)
    .option("-I, --include <folder>", "where imports of --proto start from; may be repeated", gather)
    .option("-m, --metadata <key:value>", "send metadata, base64 for keys ending in -bin; may be repeated", gather)
    .option("--timeout <time>", "how long the call may take, in place of the contract's deadline: 500ms, 2s, 1m")
    .option("--headers", "show headers and trailers on standard error")
    .option("--json", "print each message as one line of JSON; the default when output is piped")
    .addOption(new Option("-o, --output <layout>", "how to print messages").choices(["json", "pretty"]))
    .option("--emit-defaults", "print fields that hold their default too")
    .option("-v, --verbose", "tell what happens on standard error, stacks of errors included")
    .addHelpText("after", CALL_EXAMPLES)
    .action((words: string[], options: Omit<CallArguments, "words">) => actions.call({ ...options, words }));
}

function addLs(program: Command, actions: Actions): void {
  program
    .command("ls")
    .description("List the services in Consul, the instances and methods of one, or the methods of a server (--target)")
    .argument("[service]", "name of a service: greeter, or greeter.v1.GreeterService")
    .option("-t, --target <target>", "ask this server instead of Consul: host:port or another target")
    .option("--json", "print JSON")
    .option("-v, --verbose", "tell what happens on standard error, stacks of errors included")
    .action((service: string | undefined, options: Omit<LsArguments, "service">) =>
      actions.ls(service === undefined ? options : { ...options, service }),
    );
}

const CALL_EXAMPLES = `
Examples:
  mesh call greeter/SayHello '{"name": "Ada"}'
  mesh call greeter/GreetGroup '[{"name": "Ada"}, {"name": "Grace"}]'
  mesh call greeter/Chat -                                  one JSON value after the other from standard input
  mesh call --target 127.0.0.1:50051 acme.v1.Shop/Buy @order.json
  mesh call --target 127.0.0.1:50051 --proto proto/acme/v1/shop.proto Shop/Buy '{}'

Exit codes: 0 the call succeeded, 1 it failed, 2 the command line or the request is wrong, 130 Ctrl-C.`;

function gather(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
