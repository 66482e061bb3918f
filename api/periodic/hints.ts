/** What answers with a key add where it is not all as a caller may expect. */
export const HINTS = {
  resumed:
    'Resumed under the recipient of before: the private key that you have goes on opening the files. ' +
    'If it is lost, rotate to get a new one.',
  ownRecipient: 'The files are sealed to your own recipient: only the private key that you keep opens them.',
  notTriggered: 'The run that makes the files could not be started now; the next nightly run makes them.',
  notRemoved: 'Files that the old key opens are no longer offered, and are removed as soon as the store answers.',
} as const;
