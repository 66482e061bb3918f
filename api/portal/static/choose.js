// Adds what chooses all requests of the page, and keeps the button that deletes them off while none is chosen.

const ALL = 'choose-all';

for (const event of ['change', 'input']) document.addEventListener(event, update);
// A page that is kept up to date puts the button back as the server knows it.
new MutationObserver(() => update()).observe(document.getElementById('requests'), {
  ...{ subtree: true, childList: true, characterData: true },
  attributeFilter: ['disabled'],
});
addEventListener('pageshow', update);
update();

function update({ target } = {}) {
  const boxes = [...document.querySelectorAll('input[form="chosen"]')];
  if (target?.id === ALL) for (const box of boxes) box.checked = target.checked;
  const all = boxes.length > 0 ? (document.getElementById(ALL) ?? addAll()) : undefined;
  const chosen = boxes.filter(({ checked }) => checked).length;
  if (all) {
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  const button = document.querySelector('#chosen button');
  if (!button) return;
  // Only if it changes, because that is observed too.
  if (button.disabled !== (chosen === 0)) button.disabled = chosen === 0;
  const label = chosen > 0 ? `Delete ${chosen} chosen` : 'Delete chosen';
  if (button.textContent !== label) button.textContent = label;
}

function addAll() {
  const label = document.createElement('label');
  label.className = 'pick';
  label.dataset.script = '';
  label.innerHTML = `<input type="checkbox" id="${ALL}"><span class="vh">Choose all on this page</span>`;
  document.querySelector('#requests thead th').prepend(label);
  return label.firstElementChild;
}
