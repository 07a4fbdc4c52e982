/**
 * Ids of the instances that this process has registered. A registry takes a second registration of an id for a change of the
 * first, which is then found no more; so whoever comes second is given another id.
 */
import type { Registration } from "./discovery/registration.ts";

/** Where ids must differ: one for each registry, whatever meshes of this process use it. */
export type TakenIds = Set<string>;

const byRegistry = new Map<string, TakenIds>();

/** @param place of the registry, as its client names it. */
export function idsTakenAt(place: string): TakenIds {
  const taken = byRegistry.get(place) ?? new Set<string>();
  byRegistry.set(place, taken);
  return taken;
}

/** Adds the port to an id that is taken; a free id is taken until its instance has left. */
export function withOwnIds(registration: Registration, taken: TakenIds): Registration {
  return {
    async register(instance, onUpkeep) {
      const id = taken.has(instance.id) ? `${instance.id}-${instance.address.port}` : instance.id;
      taken.add(id);
      try {
        const registered = await registration.register({ ...instance, id }, onUpkeep);
        return { deregister: () => registered.deregister().finally(() => taken.delete(id)) };
      } catch (error) {
        taken.delete(id);
        throw error;
      }
    },
  };
}
