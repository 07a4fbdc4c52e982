/** `/v1/discovery-chain`: how calls to a service find their way, compiled from the config entries of the moment. */
import { type AgentState, indexHeaders, json } from "../agent-state.ts";
import { meshGatewayCodec } from "../config-entries/entry-codecs.ts";
import { chainJson } from "../discovery-chain/chain-json.ts";
import { gatherEntries } from "../discovery-chain/chain-entries.ts";
import { compileChain } from "../discovery-chain/compile.ts";
import { noOverrides, type Overrides } from "../discovery-chain/customization.ts";
import { closed } from "../http/access.ts";
import { blockingParameters, consistency, refuseNamespace, refuseOtherDatacenter } from "../http/query.ts";
import { RequestError, text, type Reply } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { notAnObject, parseObjectBody, undecodable } from "../json/loose-body.ts";
import { decodeLoosely, LooseDecodeError, struct } from "../json/loose-codec.ts";
import { duration, text as textCodec } from "../json/loose-scalars.ts";
import { blockingQuery } from "../state/blocking-query.ts";
import { configTopics } from "../state/config-entries.ts";

/** Consul sends the headers of a query here even when it has no answer. */
const errorHeaders = indexHeaders(1, "false");

const meshGatewayModes = new Set(["", "none", "local", "remote"]);

export function discoveryChainRoutes(state: AgentState): Route[] {
  const { configEntries, node } = state;

  const answer = async (call: Call, readOverrides: () => Overrides): Promise<Reply> => {
    const { query, rest, signal } = call;
    const level = consistency(query);
    const wait = { ...blockingParameters(query), signal };
    if (rest === "") throw new RequestError(400, "Bad request: Missing chain name");
    refuseNamespace(query);
    const overrides = readOverrides();
    if (!meshGatewayModes.has(overrides.meshGateway.mode)) {
      return text(400, "Invalid OverrideMeshGateway.Mode parameter");
    }
    refuseOtherDatacenter(query, node.datacenter, errorHeaders);
    const read = (): { index: number; topic: string; chain: object } => ({
      index: configEntries.index,
      topic: configTopics.all,
      chain: chainJson(
        compileChain({
          service: rest,
          datacenter: query.get("compile-dc") || node.datacenter,
          localDatacenter: node.datacenter,
          trustDomain: state.trustDomain,
          entries: gatherEntries(rest, configEntries.find),
          overrides,
        }),
      ),
    });
    try {
      const { index, chain } = await blockingQuery(state, wait, read);
      return json(call, { Chain: chain }, { ...indexHeaders(index), "X-Consul-Effective-Consistency": level });
    } catch (error) {
      if (signal.aborted) throw error;
      return text(500, error instanceof Error ? error.message : String(error), errorHeaders);
    }
  };

  return [
    {
      path: "/v1/discovery-chain/",
      methods: {
        GET: closed((call) => answer(call, () => noOverrides), errorHeaders),
        POST: closed((call) => answer(call, () => decodeOverrides(call.body)), errorHeaders),
      },
    },
  ];
}

const overridesCodec = struct<Overrides>({
  meshGateway: { name: "OverrideMeshGateway", codec: meshGatewayCodec, alias: "override_mesh_gateway" },
  protocol: { name: "OverrideProtocol", codec: textCodec, alias: "override_protocol" },
  connectTimeoutNs: { name: "OverrideConnectTimeout", codec: duration, alias: "override_connect_timeout" },
});

/** Fields that are none are ignored, as Consul does here and nowhere else. @throws RequestError */
function decodeOverrides(body: Buffer): Overrides {
  try {
    return decodeLoosely(overridesCodec, parseObjectBody(body, notAnObject), "", []);
  } catch (error) {
    if (error instanceof LooseDecodeError) throw undecodable(error.message);
    throw error;
  }
}
