/** The plugin as its test sees it; oxlint loads the JavaScript. */
interface RuleContext {
  readonly filename: string;
  report(complaint: { readonly message: string }): void;
}
declare const plugin: {
  readonly meta: { readonly name: string };
  readonly rules: { readonly rooms: { create(context: RuleContext): object } };
};
// oxlint asks for a default export of its plugins.
export default plugin;
