import { sizeText } from '../components/figures.ts';
import type { StateKind } from '../components/state.ts';
import { type Ask, TaskError } from './ask.ts';
import { acceptDrops, byId, element, say, showNotice, state } from './elements.ts';
import { showProgress } from './progress.ts';
import type { Finding, Outcome, Verified } from './tasks.ts';

const KINDS: Readonly<Record<Outcome, StateKind>> = { valid: 'available', invalid: 'failed', unknown: 'expired' };

/**
 * Verifies what is dropped, with all that was dropped before.
 *
 * @param onVerified is told of each manifest that was read
 */
export function startVerifying(ask: Ask, onVerified: (verified: Verified) => void): void {
  const input = byId<HTMLInputElement>('mani');
  const result = byId('verify-result');
  const again = byId<HTMLButtonElement>('verify-again');
  const chosen = byId('verify-chosen');
  const files = new Map<string, File>();
  let running = new AbortController();
  acceptDrops(input);

  input.addEventListener('change', () => void verify());

  async function verify(): Promise<void> {
    for (const file of input.files ?? []) files.set(file.name, file);
    input.value = '';
    if (files.size === 0) return;
    running.abort();
    const own = new AbortController();
    running = own;
    chosen.hidden = false;
    const names = [...files.values()].map(({ name, size }) => `${name} (${sizeText(size)})`);
    byId('verify-files').textContent = names.join(', ');
    byId('verify-table').replaceChildren();
    const bar = showProgress(result, 'Verifying', () => own.abort());
    try {
      const verified = await ask(
        'verify',
        { files: [...files.values()] },
        { signal: own.signal, onProgress: bar.update },
      );
      if (own !== running) return;
      show(result, verified);
      onVerified(verified);
    } catch (error) {
      if (own !== running) return;
      const isCancelled = error instanceof TaskError && error.kind === 'cancelled';
      if (isCancelled) showNotice(result, 'info', 'Cancelled', 'Nothing was compared.');
      else showNotice(result, 'bad', 'The files could not be read', error instanceof Error ? error.message : '');
    }
  }

  again.addEventListener('click', () => {
    running.abort();
    running = new AbortController();
    files.clear();
    result.replaceChildren();
    byId('verify-table').replaceChildren();
    byId('verify-files').textContent = '';
    chosen.hidden = true;
    input.focus();
  });
}

function show(place: HTMLElement, { outcome, title, text, findings }: Verified): void {
  const kinds = { valid: 'good', invalid: 'bad', unknown: 'info' } as const;
  byId('verify-table').replaceChildren(...(findings.length > 0 ? [table(findings)] : []));
  showNotice(place, kinds[outcome], title, text);
  say(title);
}

function table(findings: readonly Finding[]): HTMLElement {
  const cell = { role: 'cell' };
  const rows = findings.map(({ check, outcome, result, detail }) =>
    element(
      'tr',
      { role: 'row' },
      element('th', { role: 'rowheader', scope: 'row', class: 'lead break' }, check),
      element('td', { ...cell, class: 'lead-2' }, state(KINDS[outcome], result)),
      element('td', { ...cell, 'data-label': 'Detail' }, element('span', { class: 'break' }, detail)),
    ),
  );
  const heads = ['Check', 'Result', 'Detail'].map((title) =>
    element('th', { role: 'columnheader', scope: 'col' }, title),
  );
  return element(
    'table',
    { class: 'table table--flat cards', role: 'table' },
    element('caption', { class: 'vh' }, 'Result of the verification'),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)),
    element('tbody', { role: 'rowgroup' }, ...rows),
  );
}
