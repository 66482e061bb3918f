import type { EmailContent, Fact } from './layout.ts';

/** What an e-mail about deliveries says, in one line each. */
export interface PushWords {
  readonly title: string;
  readonly shortTitle: string;
  readonly failingSince: string;
  readonly reason: string;
  readonly run: Fact;
  /** Where the destination can be seen. */
  readonly hint: string;
  readonly closing: string;
}

/** A day of attempts has failed. */
export function pushFailedContent(words: PushWords): EmailContent {
  const { title, shortTitle, failingSince, reason, run, hint, closing } = words;
  return {
    subject: `Files for ${shortTitle} could not be delivered`,
    kind: 'failed',
    about: `Delivery to your destination, ${title}`,
    heading: 'The files could not be delivered',
    opening:
      'The export is complete, but its files could not be put on your server or into your bucket, although this was tried for a day. They can still be fetched.',
    facts: [{ label: 'Failing since', value: failingSince }, { label: 'Reason', value: reason }, run],
    sections: [
      {
        heading: 'What happens next',
        paragraphs: [
          'The files of the next run are delivered as usual. Those of this run are not tried again. You will get one more e-mail when a delivery succeeds, and none for further failures until then.',
        ],
      },
      {
        heading: 'What you can do',
        paragraphs: [
          'Correct the cause, then test the destination. To get the files of this day after all, have them made again.',
          hint,
        ],
      },
    ],
    closing,
  };
}

export function pushRecoveredContent(words: PushWords): EmailContent {
  const { title, shortTitle, failingSince, run, hint, closing } = words;
  return {
    subject: `Files for ${shortTitle} are delivered again`,
    kind: 'recovered',
    about: `Delivery to your destination, ${title}`,
    heading: 'Files are delivered again',
    opening: 'The files of a run have been put on your server or into your bucket, after one or more failures.',
    facts: [{ label: 'Failed since', value: failingSince }, run],
    sections: [
      {
        heading: 'What you can do',
        paragraphs: ['Files of runs that failed in between were not delivered: have those days made again.', hint],
      },
    ],
    closing,
  };
}
