/** Style sheet of the plain pages. Colours keep a contrast of 4.5 to 1 and more, in light and in dark. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2330, #e6e9ef);
  --soft: light-dark(#566074, #a3adbf);
  --paper: light-dark(#fbfaf7, #14181f);
  --card: light-dark(#ffffff, #1c222c);
  --line: light-dark(#ddd8cc, #303949);
  --link: light-dark(#0b5a75, #7cc7e0);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
header { display: flex; justify-content: space-between; gap: 1rem; padding: 1rem clamp(1rem, 5vw, 3rem); border-bottom: 1px solid var(--line); }
header > a { font-weight: 700; letter-spacing: 0.02em; color: var(--ink); text-decoration: none; }
nav { display: flex; gap: 1.25rem; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem clamp(1rem, 5vw, 3rem) 4rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.6rem); line-height: 1.15; text-wrap: balance; }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.lead { font-size: 1.15rem; color: var(--soft); max-width: 38rem; }
.cards { list-style: none; padding: 0; margin: 2rem 0 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
.cards a { display: block; height: 100%; padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; text-decoration: none; }
.cards a:hover { border-color: var(--link); }
.cards span { display: block; color: var(--soft); }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.6rem 0.8rem 0.6rem 0; border-bottom: 1px solid var(--line); }
td:first-child { overflow-wrap: anywhere; }
dt { color: var(--soft); margin-top: 1rem; }
dd { margin: 0; }
code { font-family: ui-monospace, monospace; font-size: 0.9em; }
`;
