import { counted } from '../components/figures.ts';
import type { Ask } from './ask.ts';
import { addCopyButtons, button, byId, copyable, element, icon, say, showNotice } from './elements.ts';
import { saveFromMemory } from './save.ts';
import type { MadeKey } from './tasks.ts';

/** Longest recipient that is put into an address, in characters: servers and proxies take as much. */
const IN_ADDRESS_MAX = 3000;

/** Makes key pairs. The private half is shown once, and is in no address, no storage and no request. */
export function startMakingKeys(ask: Ask): void {
  const press = byId<HTMLButtonElement>('make-key');
  const made = byId('made-key');
  press.addEventListener('click', () => void make());

  async function make(): Promise<void> {
    const kind = document.querySelector<HTMLInputElement>('input[name="key-kind"]:checked')?.value;
    press.disabled = true;
    try {
      show(made, await ask('makeKey', { postQuantum: kind === 'post-quantum' }));
      say('A key pair was made. Save the private key now.');
    } catch (error) {
      showNotice(made, 'bad', 'No key was made', error instanceof Error ? error.message : '');
    } finally {
      press.disabled = false;
    }
  }
}

function show(place: HTMLElement, { identity, recipient, text }: MadeKey): void {
  const order = place.dataset.order;
  const address =
    order && recipient.length <= IN_ADDRESS_MAX
      ? `${order}?${new URLSearchParams({ recipients: recipient })}`
      : undefined;
  const title = element('h2', { id: 'made', tabindex: '-1' }, 'Your private key. This is the only time it is shown');
  const secret = element(
    'section',
    { class: 'secret', 'aria-labelledby': 'made' },
    element('div', { class: 'panel__head' }, icon('lock'), title),
    element(
      'div',
      { class: 'panel__body' },
      copyable(identity, 'private key'),
      element(
        'p',
        { class: 'note' },
        'Nobody else has it, this service neither: a file that is sealed to it is lost without it.',
      ),
      element(
        'div',
        { class: 'row' },
        button('Save key file', 'btn--primary', () =>
          saveFromMemory(new Blob([text], { type: 'text/plain' }), keyName()),
        ),
        button('I have stored the key', '', () => {
          secret.remove();
          say('The private key is gone from this page.');
          byId('made-recipient').focus();
        }),
      ),
    ),
  );
  const isLong = recipient.length > 100;
  const publicHalf = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'made-recipient' },
    element('div', { class: 'panel__head' }, element('h2', { id: 'made-recipient', tabindex: '-1' }, 'Its recipient')),
    element(
      'div',
      { class: 'panel__body' },
      element('p', { class: 'note' }, 'The public half. Whoever has it can seal files to you; it opens nothing.'),
      isLong
        ? element(
            'details',
            {},
            element('summary', {}, counted(recipient.length, 'character')),
            copyable(recipient, 'recipient'),
          )
        : copyable(recipient, 'recipient'),
      ...(address
        ? [element('div', { class: 'row' }, element('a', { class: 'btn', href: address }, 'Order a sealed export'))]
        : []),
    ),
  );
  place.replaceChildren(secret, publicHalf);
  addCopyButtons(place);
  title.focus();
}

function keyName(): string {
  return `waybill-key-${new Date().toISOString().slice(0, 10)}.txt`;
}
