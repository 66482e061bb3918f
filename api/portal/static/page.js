// What every page does besides forms and links. Nothing here is needed: without it, pages work the same, but plainer.

for (const block of document.querySelectorAll('[data-copy]')) addCopyButton(block);
for (const row of document.querySelectorAll('[data-save]')) addSaveButton(row);
// Scripts say what they have added.
document.addEventListener('copyable', ({ target }) => addCopyButton(target));
document.querySelector('[data-focus], .notice[role="alert"]')?.focus();
document.addEventListener('submit', showBusy);
document.addEventListener('change', sendOnChange);
addEventListener('pageshow', ({ persisted }) => persisted && clearBusy());

/** A secret or a command is copied, not typed. */
function addCopyButton(block) {
  const button = document.createElement('button');
  button.type = 'button';
  button.dataset.script = '';
  button.className = 'btn btn--small';
  const hidden = document.createElement('span');
  hidden.className = 'vh';
  hidden.textContent = ` ${block.dataset.copy}`;
  button.append('Copy', hidden);
  const told = (word) => {
    button.firstChild.data = word;
    say(word);
    setTimeout(() => {
      button.firstChild.data = 'Copy';
    }, 2000);
  };
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(block.querySelector('pre').textContent).then(
      () => told('Copied'),
      () => told('Not copied'),
    );
  });
  block.append(button);
}

/** Saves the secret of the panel as a file, without asking a server. */
function addSaveButton(row) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'btn';
  button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#down"/></svg>';
  button.append(`Save as ${row.dataset.save}`);
  button.addEventListener('click', () => {
    const text = row.closest('.secret').querySelector('pre').textContent;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/plain' }));
    link.download = row.dataset.save;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  row.prepend(button);
}

/** The button that was pressed says what is being done, until the next page is there. */
function showBusy(event) {
  const { submitter } = event;
  const text = submitter?.dataset.busy;
  if (!text) return;
  if (submitter.ariaBusy === 'true') {
    // Pressed twice: once is meant, and an answer that shows a secret must not be replaced by a second one.
    event.preventDefault();
    return;
  }
  submitter.ariaBusy = 'true';
  submitter.dataset.label = submitter.textContent;
  // Later, because the text of a button that is being pressed may not change.
  setTimeout(() => {
    submitter.textContent = text;
  });
  for (const id of (submitter.dataset.busyAreas ?? '').split(' '))
    document.getElementById(id)?.setAttribute('aria-busy', 'true');
}

/** A page that comes back from the browser's memory is not busy any more. */
function clearBusy() {
  for (const button of document.querySelectorAll('[aria-busy="true"][data-label]')) {
    button.textContent = button.dataset.label;
    button.removeAttribute('aria-busy');
  }
}

/** A select that decides what the form asks sends the form at once; without a script, a button does. */
function sendOnChange({ target }) {
  if (target.dataset?.sends === undefined) return;
  const button = document.createElement('button');
  button.hidden = true;
  button.formNoValidate = true;
  button.name = 'do';
  button.value = target.dataset.sends;
  target.form.append(button);
  target.form.requestSubmit(button);
}

function say(text) {
  const region = document.getElementById('live');
  if (region) region.textContent = text;
}
