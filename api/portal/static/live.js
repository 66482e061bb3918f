// Keeps a page up to date: applies what the server sends, and says whether it still comes.

const LONGEST_WAIT_S = 30;

const main = document.getElementById('main');
const marks = document.querySelectorAll('[data-live-mark]');
let source;
let failures = 0;
let lastNews = new Date();
let isOver = false;
let timer;

document.addEventListener('visibilitychange', () => (document.hidden ? pause() : connect()));
addEventListener('offline', () => lose());
addEventListener('online', () => connect());
connect();

function connect() {
  clearInterval(timer);
  // Browsers open six connections to a host; hidden pages leave theirs to others.
  if (isOver || document.hidden || source) return;
  source = new EventSource(main.dataset.live);
  source.addEventListener('open', () => {
    failures = 0;
    show(true);
  });
  source.addEventListener('error', () => lose());
  source.addEventListener('fragments', ({ data }) => {
    lastNews = new Date();
    for (const fragment of JSON.parse(data)) apply(fragment);
  });
  source.addEventListener('say', ({ data }) => {
    document.getElementById('live').textContent = data;
  });
  source.addEventListener('end', () => end());
  source.addEventListener('logged-out', () => {
    end();
    location.reload();
  });
}

function pause() {
  clearInterval(timer);
  source?.close();
  source = undefined;
}

function end() {
  isOver = true;
  pause();
  for (const mark of marks) mark.hidden = true;
}

/** Tries again by itself, less and less often. */
function lose() {
  if (isOver) return;
  pause();
  failures += 1;
  show(false);
  let left = Math.min(LONGEST_WAIT_S, 2 ** failures);
  tell(left);
  timer = setInterval(() => {
    left -= 1;
    tell(left);
    if (left <= 0) connect();
  }, 1000);
}

function show(isLive) {
  for (const mark of marks) {
    const text = document.createElement('span');
    text.className = isLive ? 'live' : 'live live--off';
    text.textContent = isLive ? 'Live' : 'Not live';
    mark.replaceChildren(text);
  }
  if (isLive) document.getElementById('live-lost')?.remove();
}

/** Says since when nothing came, and when the next try is. Read out once, not every second. */
function tell(left) {
  // One failure may be a restart, which is over before anybody has read about it.
  if (failures < 2 && navigator.onLine) return;
  const time = lastNews.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  let notice = document.getElementById('live-lost');
  if (!notice) {
    notice = document.createElement('div');
    notice.id = 'live-lost';
    notice.dataset.script = '';
    notice.className = 'notice notice--warn';
    notice.setAttribute('role', 'status');
    notice.innerHTML =
      '<svg class="icon" aria-hidden="true"><use href="#warn"/></svg><div><h2></h2><p class="note"></p></div><a class="btn btn--small">Reload now</a>';
    notice.querySelector('a').href = location.href;
    main.prepend(notice);
  }
  const [title, text] = navigator.onLine
    ? [`Live updates stopped at ${time}`, 'The page may be out of date. Exports go on meanwhile.']
    : ['You are offline', `What you see is from ${time}. Exports go on meanwhile.`];
  if (notice.querySelector('h2').textContent !== title) {
    notice.querySelector('h2').textContent = title;
    notice.querySelector('p').textContent = text;
  }
  for (const mark of marks) mark.firstElementChild.title = `Trying again in ${Math.max(0, left)} s`;
}

/** Makes the element with that id what was sent. */
function apply({ id, html }) {
  const template = document.createElement('template');
  template.innerHTML = html.trim();
  const fresh = template.content.firstElementChild;
  const known = document.getElementById(id);
  if (known) morph(known, fresh);
  if (fresh.dataset?.title) document.title = fresh.dataset.title;
}

/** Set by the reader, so the server does not know them. */
const READERS = new Set(['open', 'aria-busy']);

/** Changes what differs, so that focus, selection and opened details stay as they are. */
function morph(known, fresh) {
  if (known.nodeType !== fresh.nodeType || known.nodeName !== fresh.nodeName) {
    known.replaceWith(fresh.cloneNode(true));
    return;
  }
  if (known.nodeType !== Node.ELEMENT_NODE) {
    if (known.data !== fresh.data) known.data = fresh.data;
    return;
  }
  if (known.matches('[data-live-mark]')) return;
  for (const { name } of [...known.attributes]) {
    if (!fresh.hasAttribute(name) && !READERS.has(name)) known.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (known.getAttribute(name) !== value && !READERS.has(name)) known.setAttribute(name, value);
  }
  morphChildren(known, fresh);
}

/** Elements with an id are found by it, so that a new row does not take the place, and the focus, of another. */
function morphChildren(known, fresh) {
  const kept = new Set([...fresh.children].map(idOf));
  for (const child of [...known.children]) if (idOf(child) && !isOwn(child) && !kept.has(idOf(child))) child.remove();
  let at = known.firstChild;
  const skipOwn = () => {
    while (at && isOwn(at)) at = at.nextSibling;
  };
  for (const child of fresh.childNodes) {
    skipOwn();
    const id = idOf(child);
    const same = id ? [...known.children].find((one) => idOf(one) === id) : idOf(at) ? undefined : at;
    while (id && same && at && at !== same && !idOf(at) && !isOwn(at)) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
    if (!same) known.insertBefore(child.cloneNode(true), at);
    else {
      if (same === at) at = at.nextSibling;
      else known.insertBefore(same, at);
      morph(same, child);
    }
  }
  while (at) {
    const last = at;
    at = at.nextSibling;
    if (!isOwn(last)) last.remove();
  }
}

/** Not `node.id`: in a form, that is its control of the name "id". */
function idOf(node) {
  return node?.getAttribute?.('id');
}

/** Whether a script has added it, so the server does not know it. */
function isOwn(node) {
  return node.dataset?.script !== undefined;
}
