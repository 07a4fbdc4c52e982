/** The certificate authority, made for the first who asks: most runs never need one, and loading what writes certificates takes a while. */
import { Authority, type AuthorityRoom } from "./authority.ts";

export class LazyAuthority {
  readonly #room: Omit<AuthorityRoom, "issue">;
  #made: Promise<Authority> | undefined;

  constructor(room: Omit<AuthorityRoom, "issue">) {
    this.#room = room;
  }

  get(): Promise<Authority> {
    this.#made ??= this.#make();
    return this.#made;
  }

  /** Stops every timer. */
  close(): void {
    // One that could not be made has told whoever asked for it.
    this.#made?.then(
      (authority) => authority.close(),
      () => undefined,
    );
  }

  async #make(): Promise<Authority> {
    const { issueCertificate } = await import("../connect/certificate.ts");
    return new Authority({ ...this.#room, issue: issueCertificate });
  }
}
