/** Why an authority cannot be as its configuration says. */

/** A configuration that cannot be, in Consul's words. */
export class AuthorityConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AuthorityConfigError";
  }
}

/** One that Consul could have, and this agent cannot. */
export class UnsupportedAuthorityError extends Error {
  constructor(what: string) {
    super(`${what} is not supported by the meshwork agent: leave it to the provider "consul" and its own root`);
    this.name = "UnsupportedAuthorityError";
  }
}
