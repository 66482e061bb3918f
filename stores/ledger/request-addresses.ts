import type { Credentials, Run, Tenants } from './ports.ts';

interface Addresses {
  readonly tenants: Pick<Tenants, 'find'>;
  readonly credentials: Pick<Credentials, 'find'>;
}

/** @returns where mails about a request go: the address of the credential that made it or, if it has none, the tenant's contacts */
export async function requestAddresses(
  ledger: Addresses,
  { tenant, requestedBy }: Pick<Run, 'tenant' | 'requestedBy'>,
): Promise<readonly string[]> {
  const credential = requestedBy === null ? undefined : await ledger.credentials.find(requestedBy);
  if (credential?.tenant === tenant && credential.email !== null) return [credential.email];
  return (await ledger.tenants.find(tenant))?.contacts ?? [];
}
