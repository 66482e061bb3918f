import type { Catalog, Dataset, Door } from './dataset.ts';

/** @returns what callers of its doors call the dataset. */
export function offeredName({ name, offeredAs }: Dataset): string {
  return offeredAs ?? name;
}

/** @returns the datasets that the door offers, in the order of the catalog. */
export function offeredAt(catalog: Catalog, door: Door): readonly Dataset[] {
  return catalog.datasets.filter(({ doors }) => doors.includes(door));
}
