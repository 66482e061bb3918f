import { clientNetwork } from '../../config/networks.ts';

/** Counts failed log-ins, for all processes that share one ledger. */
export interface LoginLimit {
  /**
   * Consumes one point of each subject, or none at all. Consume before checking a secret and refund if it was right, so
   * that a burst cannot exceed the limit.
   *
   * @param subjects keys that the log-in counts against, such as an address; at least one
   * @returns 0 when the points were consumed, else the seconds until the exhausted subject has points again
   */
  consume(subjects: readonly string[]): Promise<number>;
  /** Returns the points of {@link consume}. Never rejects. */
  refund(subjects: readonly string[]): Promise<void>;
  /** Closes its connections. */
  close(): Promise<void>;
}

/** Source and target of a log-in, which it is counted under. */
export interface LoginAttempt {
  readonly address: string;
  /** `null` if the credential contains none. */
  readonly clientId: string | null;
}

/** @returns what a log-in counts against: the address (IPv6: its /64 network) and the client id */
export function loginSubjects({ address, clientId }: LoginAttempt): readonly string[] {
  const network = `address ${clientNetwork(address)}`;
  return clientId === null ? [network] : [network, `client ${clientId}`];
}
