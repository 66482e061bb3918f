/** Counts failed log-ins, for all processes that share one ledger. */
export interface LoginLimit {
  /**
   * Takes a token from each subject, or from none. Whoever takes one before a secret is checked, and gives it back when
   * the secret was right, keeps a burst within the limit.
   *
   * @param subjects what a log-in is counted under, such as an address; at least one
   * @returns 0 when the tokens were taken, else the seconds until the subject that has none left has some again
   */
  take(subjects: readonly string[]): Promise<number>;
  /** Gives back what {@link take} took. Never rejects. */
  giveBack(subjects: readonly string[]): Promise<void>;
  /** Ends its connections. */
  close(): Promise<void>;
}
