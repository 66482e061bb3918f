import { sizeText } from '../components/figures.ts';
import { type Ask, TaskError } from './ask.ts';
import { acceptDrops, byId, element, say, showNotice, showProblem } from './elements.ts';
import { openedName, packedText, wrongKeyText } from './opened.ts';
import { showProgress } from './progress.ts';
import { canStream, choosePlaces, MEMORY_BYTES_MAX, type Places, saveFromMemory } from './save.ts';
import type { Sealed, Verified } from './tasks.ts';

/** A file that is to be opened. */
interface Item {
  readonly name: string;
  readonly bytes: number;
  readonly from: Sealed;
  /** Recipients that it is sealed to, if they are known. */
  readonly recipients: readonly string[];
}

interface Result {
  readonly name: string;
  readonly savedAs: string | null;
  readonly text: string;
}

/** Opens sealed files: of this machine, or one of this service. */
export function startOpening(ask: Ask): { readonly learn: (verified: Verified) => void } {
  const form = byId<HTMLFormElement>('open-form');
  const result = byId('open-result');
  const submit = byId<HTMLButtonElement>('open-submit');
  const known = new Map<string, readonly string[]>();
  const input = document.querySelector<HTMLInputElement>('#sealed');
  if (input) acceptDrops(input);

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!submit.disabled) void answerForm();
  });

  async function answerForm(): Promise<void> {
    submit.disabled = true;
    result.replaceChildren();
    try {
      await openAll();
    } catch (error) {
      showNotice(result, 'bad', 'The file could not be opened', messageOf(error));
    } finally {
      submit.disabled = false;
    }
  }

  function items(): readonly Item[] {
    const { address, name = '', bytes = '0', recipients = '' } = form.dataset;
    if (address !== undefined) {
      return [
        { name, bytes: Number(bytes), from: { address, bytes: Number(bytes) }, recipients: recipients.split(' ') },
      ];
    }
    return [...(input?.files ?? [])].map((file) => ({
      name: file.name,
      bytes: file.size,
      from: { file },
      recipients: known.get(file.name) ?? [],
    }));
  }

  async function openAll(): Promise<void> {
    const chosen = items();
    if (input) showProblem('sealed', chosen.length === 0 ? 'Choose the sealed file: its name ends in .age' : undefined);
    const read = await readKey(ask);
    if (chosen.length === 0) input?.focus();
    if (chosen.length === 0 || !read) return;
    const { key, mine } = read;

    const refused: Result[] = [];
    const good: Item[] = [];
    for (const item of chosen) {
      const problem = await problemOf(ask, item, key, mine);
      if (problem === undefined) good.push(item);
      else refused.push({ name: item.name, savedAs: null, text: problem });
    }
    if (good.length === 0) return showResults(result, refused);

    let places: Places;
    try {
      places = await choosePlaces(good.map(({ name }) => openedName(name)));
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') {
        return showNotice(result, 'info', 'Nothing was opened', 'No place was chosen.');
      }
      throw error;
    }
    const stop = new AbortController();
    const results = [...refused];
    for (const [index, item] of good.entries()) {
      results.push(
        stop.signal.aborted ? cancelled(item) : await openOne(item, key, places, stop, [index + 1, good.length]),
      );
    }
    showResults(result, results);
  }

  async function openOne(
    item: Item,
    key: string,
    places: Places,
    stop: AbortController,
    [place, count]: readonly [number, number],
  ): Promise<Result> {
    const name = openedName(item.name);
    const label = `Opening ${item.name}${count > 1 ? `, file ${place} of ${count}` : ''}`;
    const bar = showProgress(result, label, () => stop.abort());
    try {
      const to = await places(name);
      const takes = { from: item.from, key, to };
      const { bytes, content } = await ask('open', takes, { signal: stop.signal, onProgress: bar.update });
      if (content) saveFromMemory(content, name);
      return { name: item.name, savedAs: to?.name ?? name, text: `${sizeText(bytes)}. ${packedText(name)}`.trim() };
    } catch (error) {
      if (error instanceof TaskError && error.kind === 'cancelled') return cancelled(item);
      const isDamaged = error instanceof TaskError && error.kind === 'damaged';
      return {
        name: item.name,
        savedAs: null,
        text: `${messageOf(error)}${isDamaged ? ' Nothing of it was saved.' : ''}`,
      };
    }
  }

  return {
    learn({ recipients }) {
      for (const [name, list] of recipients) known.set(name, list);
    },
  };
}

/** @returns the text of the key file, with the recipients of its keys; `undefined` if the field says what is wrong */
async function readKey(ask: Ask): Promise<{ readonly key: string; readonly mine: readonly string[] } | undefined> {
  const input = byId<HTMLInputElement>('keyfile');
  const pasted = byId<HTMLTextAreaElement>('keytext');
  const id = pasted.value.trim() === '' ? 'keyfile' : 'keytext';
  const other = id === 'keyfile' ? 'keytext' : 'keyfile';
  showProblem(other, undefined);
  const [file] = input.files ?? [];
  const told = (message: string) => {
    showProblem(id, message);
    byId(id).focus();
    return undefined;
  };
  if (id === 'keyfile' && !file) return told('Choose your key file, or paste the key');
  // A key file has some hundred bytes; what is larger is another file, chosen by mistake.
  if (id === 'keyfile' && file && file.size > 100_000) return told('That is not a key file: it is too large');
  try {
    const key = id === 'keyfile' && file ? await file.text() : pasted.value;
    const mine = await ask('readKey', { text: key });
    showProblem(id, undefined);
    return { key, mine };
  } catch (error) {
    return told(messageOf(error));
  }
}

/** What is known to be wrong before anything is written or downloaded. */
async function problemOf(ask: Ask, item: Item, key: string, mine: readonly string[]): Promise<string | undefined> {
  if (!canStream() && item.bytes > MEMORY_BYTES_MAX) {
    return `It has ${sizeText(item.bytes)}, and this browser saves from memory, up to 2 GB. Open it with npx waybill open, or in Chrome or Edge.`;
  }
  if (!('file' in item.from)) {
    return item.recipients.some((recipient) => mine.includes(recipient))
      ? undefined
      : wrongKeyText(item.recipients, mine);
  }
  try {
    await ask('check', { file: item.from.file, key });
    return undefined;
  } catch (error) {
    // The text of a wrong key that says more, such as of a passphrase, stays.
    if (error instanceof TaskError && error.kind === 'wrong key' && !/`age -d`/.test(error.message)) {
      return wrongKeyText(item.recipients, mine);
    }
    return `${messageOf(error)} Nothing was saved.`;
  }
}

function cancelled({ name }: Item): Result {
  return { name, savedAs: null, text: 'Cancelled. Nothing of it was saved.' };
}

function showResults(place: HTMLElement, results: readonly Result[]): void {
  const saved = results.filter(({ savedAs }) => savedAs !== null);
  const failed = results.filter(({ savedAs }) => savedAs === null);
  const notices = [...failed, ...saved].map(({ name, savedAs, text }) => {
    const box = element('div', {});
    place.append(box);
    return { box, name, savedAs, text };
  });
  place.replaceChildren(...notices.map(({ box }) => box));
  for (const { box, name, savedAs, text } of notices.toReversed()) {
    if (savedAs !== null) showNotice(box, 'good', `${savedAs} is saved`, text);
    else if (text.startsWith('Cancelled')) showNotice(box, 'info', `${name} was not opened`, text);
    else showNotice(box, 'bad', `${name} was not opened`, text);
  }
  say(results.length === 1 ? '' : `${saved.length} of ${results.length} files are saved`);
}

function messageOf(error: unknown): string {
  if (error instanceof TaskError) return error.message;
  const name = error instanceof Error || error instanceof DOMException ? error.name : 'unknown error';
  return `The browser could not do it (${name}).`;
}
