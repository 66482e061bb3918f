/** Counts failed log-ins, for all processes that share one ledger. */
export interface LoginLimit {
  /**
   * Consumes one point of each subject, or none at all. Consume before a secret is checked and refund when it was right:
   * then a burst stays within the limit.
   *
   * @param subjects what a log-in is counted under, such as an address; at least one
   * @returns 0 when the points were consumed, else the seconds until the exhausted subject has points again
   */
  consume(subjects: readonly string[]): Promise<number>;
  /** Returns the points of {@link consume}. Never rejects. */
  refund(subjects: readonly string[]): Promise<void>;
  /** Closes its connections. */
  close(): Promise<void>;
}
