"""The style sheet of ``/docs``: the calls beside their contents on a desk, below them on a telephone; light or dark as
the reader's system is."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ground: #f4f5f7; --ink: #1b1f24; --muted: #57606a; --rule: #d8dce1; --link: #0b57d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1b1f24; --ground: #121519; --ink: #e8eaed; --muted: #a4adb8; --rule: #39414a; --link: #82b1ff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0 auto; padding: clamp(1rem, 3vw, 2.5rem); max-width: 84rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: break-word;
}
h1 { font-size: clamp(1.5rem, 1.2rem + 1.6vw, 2.25rem); line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2rem 0 .75rem; }
h3 { font-size: 1.1rem; line-height: 1.3; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h4 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: 0 0 .75rem; max-width: 70ch; }
a { color: var(--link); } h3 a, nav a { text-decoration: none; } h3 a { color: inherit; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; background: var(--paper); padding: .5rem 1rem; } .skip:focus { left: 1rem; }
.lede, .note, figcaption, .kind { color: var(--muted); }
code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, monospace; font-size: .875em; }
code { overflow-wrap: anywhere; }
section { background: var(--paper); border: 1px solid var(--rule); border-radius: .6rem; padding: 1rem; min-width: 0;
  margin-bottom: 1rem; }
section:target { border-color: var(--link); }
nav ul { list-style: none; margin: 0; padding: 0; } nav li { padding: .15rem 0 .15rem 1rem; text-indent: -1rem; }
b { font-size: .8em; letter-spacing: .03em; }
figure { margin: .5rem 0; } figcaption { font-size: .875em; }
pre { margin: 0; padding: .75rem; overflow-x: auto; background: var(--ground); border: 1px solid var(--rule);
  border-radius: .4rem; line-height: 1.4; }
summary { cursor: pointer; padding: .3rem 0; }
dl { margin: 0; } dt { padding-top: .5rem; border-top: 1px solid var(--rule); } dd { margin: 0 0 .5rem; }
dd p { margin: 0; }
@media (max-width: 40rem) { pre { white-space: pre-wrap; overflow-wrap: anywhere; } }
@media (min-width: 64rem) {
  body { display: grid; grid-template-columns: 19rem minmax(0, 1fr); column-gap: 2rem; }
  header { grid-column: 1 / -1; }
  nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 2rem 0; }
  dl { display: grid; grid-template-columns: minmax(10rem, 16rem) minmax(0, 1fr); }
  dt, dd { border-top: 1px solid var(--rule); margin: 0; padding: .5rem 1rem .5rem 0; }
}
@media print { body { background: none; } nav { display: none; } section { break-inside: avoid; } }
"""
