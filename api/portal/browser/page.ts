import { startWorker } from './ask.ts';
import { byId, element, state } from './elements.ts';
import { startMakingKeys } from './make-key.ts';
import { startOpening } from './open-panel.ts';
import { canStream } from './save.ts';
import { startVerifying } from './verify-panel.ts';

if (isSecureContext) start();
else byId('insecure').hidden = false;

function start(): void {
  const ask = startWorker(byId('open-file').dataset.worker ?? '');
  const { learn } = startOpening(ask);
  // The page of one export only opens it.
  if (document.getElementById('make-key')) startMakingKeys(ask);
  if (document.getElementById('mani')) startVerifying(ask, learn);
  tellBrowser();
  for (const part of document.querySelectorAll<HTMLElement>('[data-needs-script]')) part.hidden = false;
}

/** Says beforehand how large a file can be. */
function tellBrowser(): void {
  const [word, text] = canStream()
    ? ([state('available', 'Streams to disk'), ' Files larger than your memory can be opened.'] as const)
    : ([state('warn', 'Saves from memory'), ' Files of up to 2 GB can be opened.'] as const);
  byId('browser-can').replaceChildren(element('p', { class: 'note' }, word, text));
}
