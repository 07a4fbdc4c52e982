/**
 * Where a current Consul answers otherwise than 1.8, which the agent emulates, in ways that a client of 1.8 would notice.
 * What the SDK needs works with both (test/integration runs against both); each rule must be met, so that none outlives
 * its reason.
 */
export interface VersionDifference {
  readonly request: RegExp;
  /** What shapeDifferences() says. */
  readonly difference: RegExp;
  readonly why: string;
}

export const versionDifferences: readonly VersionDifference[] = [
  {
    request: /^PUT \/v1\/agent\/check\/(?:update|pass|warn|fail)\//,
    difference: /^status 404, not 500$/,
    why: "an unknown check is 404 since 1.9, not 500",
  },
  {
    request: /^PUT \/v1\/agent\/(?:service|check)\/deregister\//,
    difference: /^status 404, not (?:200|500)$/,
    why: "an unknown service or check is 404 since 1.9",
  },
  {
    request: /^PUT \/v1\/agent\/check\/register .*"ServiceID":"absent"/,
    difference: /^status 404, not 500$/,
    why: "a check of an unknown service is 404, not 500",
  },
  {
    request: /^what was asked with a method$/,
    difference: /^body\.xA is missing$/,
    why: "an agent sends the headers of its checks otherwise",
  },
  {
    request: /^GET \/v1\/catalog\/services\?filter=nonsense/,
    difference: /^status 500, not 200$/,
    why: "the list of services can be filtered since 1.16",
  },
  {
    request: /^PUT \/v1\/agent\/service\/register .*"Native":true/,
    difference: /^status 400, not 200$/,
    why: "a native service must have a port since 1.12",
  },
  {
    request: /^(?:GET|PUT) \/v1\/session\/(?:info|renew|destroy)\//,
    difference: /^status (?:200|404), not 500$/,
    why: "what is no UUID is a session that does not exist",
  },
  {
    request: /^PUT \/v1\/txn (?:\[\{"KV":\{"Verb":"get","Key":"odd"\}\},)/,
    difference: /^status 200, not 413$/,
    why: "a transaction may have 128 operations since 1.14",
  },
  {
    request: /^GET \/v1\/(?:agent|catalog|health)\/.*/,
    difference: /^(?:body\.bare is missing|body has 0 items, not 1|status 404, not 200)$/,
    why: "what was refused is not there",
  },
  {
    request: /^PUT \/v1\/agent\/service\/register .*"Ports"/,
    difference: /^status 200, not 400$/,
    why: "a service may have several ports since 1.22",
  },
  {
    request: /^GET \/v1\/agent\/service\/a$/,
    difference: /^status 200, not 404$/,
    why: "and is then there",
  },
  {
    request: /^(?:GET|PUT) \/v1\/peerings/,
    difference: /^status (?:200|405), not 404$/,
    why: "peerings came with 1.13",
  },
  {
    request:
      /^(?:GET|PUT) \/v1\/(?:kv$|kv "|\/kv|agent\/check\/pass(?:$| ")|discovery-chain$|agent\/connect\/ca\/leaf$)/,
    difference: /^status 307, not 301$/,
    why: "Go redirects with 307 since 1.26",
  },
  {
    request: /^(?:sections of self|configuration)$/,
    difference: /^body(?:\.keys)? has \d+ items, not \d+$/,
    why: "an agent tells more of itself",
  },
  {
    request: /^DELETE \/v1\/config\/proxy-defaults\/ce-/i,
    difference: /^status 500, not 200$/,
    why: "the name of proxy-defaults is checked on deletion too",
  },
  {
    request: /^PUT \/v1\/config .*"filter":5/,
    difference: /^status 500, not 200$/,
    why: "the filter of a subset is read when it is written",
  },
  {
    request: /^PUT \/v1\/config .*"ce-snake"/,
    difference: /^status 500, not 200$/,
    why: "the subset's resolver was refused before",
  },
  {
    request: /^PUT \/v1\/config .*"protocol":\[\["http"\]\]/,
    difference: /^status 500, not 200$/,
    why: "the protocol must be a string",
  },
  {
    request: /^PUT \/v1\/config .*"Namespace":"other"/,
    difference: /^status 500, not 200$/,
    why: "open-source Consul refuses namespaces in redirects since 1.9",
  },
  {
    request: /^GET \/v1\/config\//,
    difference: /^body has \d+ items, not \d+$/,
    why: "what one refused or could not delete the other has",
  },
  {
    request: /\/v1\/discovery-chain\//,
    difference: /^body\.Chain\.(?:Nodes|Targets)\.\S+\.(?:elsewhere|other)\.\S+ is missing$/,
    why: "open-source Consul knows no namespaces since 1.9",
  },
  {
    request: /./,
    difference: /\.Destination\.Namespace is missing$/,
    why: "open-source Consul leaves out namespaces since 1.9",
  },
  {
    request: /^(?:POST|DELETE) \/v1\/connect\/intentions(?:\/$| \{\}| \{"SourceName":"a"\})/,
    difference: /^status 403, not 500$/,
    why: "who may write an intention is asked before what is wrong with it, and nobody may that of no service",
  },
  {
    request: /^(?:GET|POST) \/v1\/connect\/intentions.*(?:NS":|ns=x|name=\w*\*?\/|team\/)/,
    difference: /^status (?:400|500), not (?:200|500)$/,
    why: "open-source Consul knows no namespaces in intentions since 1.9",
  },
  {
    request: /^GET \/v1\/connect\/intentions(?:$|\?|\/match)/,
    difference: /^body(?: has \d+ items, not \d+|\.\S+ is null, not array)$/,
    why: "what one refused or has not got the other lists",
  },
  {
    request: /^GET \/v1\/connect\/intentions\?filter=/,
    difference: /^body\[0\]\.Default(?:Addr|Port) is missing$/,
    why: "fields of an intention that never meant anything are gone since 1.9",
  },
  {
    request: /^POST \/v1\/connect\/intentions \{"SourceName":"A",/,
    difference: /^status 200, not 500$/,
    why: "the source of an intention has case since 1.9",
  },
  {
    request: /^(?:POST|PUT|DELETE) \/v1\/connect\/intentions\S*\?dc=elsewhere/,
    difference: /^status 200, not 500$/,
    why: "intentions are config entries since 1.9, and those are written here",
  },
  {
    request: /^GET \/v1\/connect\/intentions\/(?:<UUID>)?$/,
    difference: /^status 404, not (?:200|400)$/,
    why: "the ID of an intention is any text since 1.9, with case",
  },
  {
    request: /^PUT \/v1\/connect\/intentions\/<uuid> .*"moved"/,
    difference: /^status 500, not 200$/,
    why: "the destination of an intention stays since 1.9",
  },
  {
    request: /^DELETE \/v1\/connect\/intentions\/<uuid>$/,
    difference: /^status 500, not 200$/,
    why: "it was deleted in the other datacenter's name",
  },
  {
    request: /GET \/v1\/connect\/ca\/configuration/,
    difference: /^body\.Config\.RotationPeriod is missing$/,
    why: "a period of rotation that nothing rotated in is gone",
  },
  {
    request: /GET \/v1\/agent\/connect\/ca\/leaf\//,
    difference: /^body\.CertPEM\.certificates\[0\]\.subject has 0 items, not 1$/,
    why: "a service's certificate has no subject since 1.9, but its URI alone",
  },
  {
    request: /^GET \/v1\/agent\/connect\/ca\/leaf\/\S+\?dc=elsewhere$/,
    difference: /^status 200, not 500$/,
    why: "an agent makes leaves of its own datacenter, whatever is asked",
  },
  {
    request: /^GET \/v1\/connect\/ca\/roots$/,
    difference: /^body\.Roots has \d+ items, not \d+$/,
    why: "another type or length of key makes another root too",
  },
];
