import type { EmailContent, Fact } from './layout.ts';

/** What an e-mail about held datasets says, in one line each. */
export interface HeldWords {
  readonly title: string;
  readonly shortTitle: string;
  /** Of the kind of export. */
  readonly name: string;
  readonly heldSince: string;
  readonly reason: string;
  readonly run: Fact;
  /** Where the status can be seen. */
  readonly hint: string;
  readonly closing: string;
}

/** The columns of datasets have changed, and the operator has to accept that. */
export function heldContent(words: HeldWords): EmailContent {
  const { title, shortTitle, name, heldSince, reason, run, hint, closing } = words;
  return {
    subject: `${name} of ${shortTitle} does without some files for now`,
    kind: 'failed',
    about: `${name} of ${title}`,
    heading: 'Some files are held',
    opening:
      'Columns of the source have changed, so these files are not delivered until the operator has accepted the change. The others are delivered as usual, and nothing is lost: what is held continues where it stopped.',
    facts: [{ label: 'Held since', value: heldSince }, { label: 'Reason', value: reason }, run],
    sections: [
      {
        heading: 'What you can do',
        paragraphs: ['Contact the operator of the service and mention the run above.', hint],
      },
    ],
    closing,
  };
}
