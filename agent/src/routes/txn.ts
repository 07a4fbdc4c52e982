/** `/v1/txn`: several operations, all or none. */
import { type AgentState, indentFor } from "../agent-state.ts";
import { filtered, permissionDenied, visible } from "../http/access.ts";
import { blockingParameters, consistency, refuseOtherDatacenter } from "../http/query.ts";
import { jsonText, type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { stringifyExactly } from "../json/exact-integers.ts";
import { failureJson, resultJson } from "../json/txn-answer.ts";
import { decodeOperations } from "../json/txn-body.ts";
import { looksUp, type Operation, onlyReads } from "../state/operation.ts";
import { transact } from "../state/transaction.ts";

/** As many as Consul 1.8 takes; it is 128 since 1.14. */
export const maxOperations = 64;

/** Reading alone needs no leader, and says so. */
const readHeaders = { "X-Consul-KnownLeader": "true", "X-Consul-LastContact": "0" };
const readFields = { Index: 0, LastContact: 0, KnownLeader: true, ConsistencyLevel: "" };

/** What is looked up is left out of the answer where it may not be seen; all else is refused. */
const mayRead = (operation: Operation): string | undefined => (looksUp(operation) ? undefined : permissionDenied);

export function txnRoutes(state: AgentState): Route[] {
  const put = (call: Call): Reply => {
    const { query, body } = call;
    const { operations, written } = decodeOperations(body, state.node.datacenter);
    if (written > maxOperations) {
      throw new RequestError(413, `Transaction contains too many operations (${written} > ${maxOperations})`);
    }
    const isRead = operations.every(onlyReads);
    if (isRead) {
      consistency(query);
      blockingParameters(query);
    }
    refuseOtherDatacenter(query, state.node.datacenter);
    const outcome = transact(state, operations, call.sees === "everything" ? undefined : mayRead);
    const failed = "failures" in outcome;
    const answer = {
      Results: failed ? null : visible(call)(outcome.results).map(resultJson),
      Errors: failed ? outcome.failures.map(failureJson) : null,
      ...(isRead ? readFields : {}),
    };
    const headers = isRead ? readHeaders : {};
    return jsonText(stringifyExactly(answer, indentFor(query)), headers, failed ? 409 : 200);
  };
  return [{ path: "/v1/txn", methods: { PUT: filtered(put) } }];
}
