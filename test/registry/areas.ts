/** Everything that registries are put through, by area. */
import type { Script } from "./script.ts";
import { scripts as agentChecks } from "./scripts/agent-checks.ts";
import { scripts as catalog } from "./scripts/catalog.ts";
import { scripts as certificates } from "./scripts/certificates.ts";
import { scripts as checks } from "./scripts/checks.ts";
import { scripts as configEntries } from "./scripts/config-entries.ts";
import { scripts as discoveryChain } from "./scripts/discovery-chain.ts";
import { scripts as filters } from "./scripts/filters.ts";
import { scripts as intentions } from "./scripts/intentions.ts";
import { scripts as keyValue } from "./scripts/key-value.ts";
import { scripts as locks } from "./scripts/locks.ts";
import { scripts as native } from "./scripts/native.ts";
import { scripts as registration } from "./scripts/registration.ts";
import { scripts as requests } from "./scripts/requests.ts";
import { scripts as sessions } from "./scripts/sessions.ts";
import { scripts as transactions } from "./scripts/transactions.ts";
import { scripts as watches } from "./scripts/watches.ts";

export const areas: Readonly<Record<string, Readonly<Record<string, Script>>>> = {
  registration,
  checks,
  "checks that look for themselves": agentChecks,
  catalog,
  filters,
  "key/value": keyValue,
  sessions,
  locks,
  transactions,
  "config entries": configEntries,
  "discovery chain": discoveryChain,
  "native instances": native,
  intentions,
  certificates,
  requests,
  watches,
};
