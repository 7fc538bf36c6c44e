"""The status page's style and script, and the policy that allows them and nothing else."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--back:#f4f6f8;--card:#fff;--ink:#1b2430;--soft:#55606d;--line:#dde2e8;--good:#0a6b3d;
--warn:#8a4b00;--bad:#b3261e;--goodback:#e3f4ea;--warnback:#fdf0dc;--badback:#fce8e6;--quiet:#eaeef2;--focus:#1a5fb4}
@media(prefers-color-scheme:dark){:root{--back:#10151b;--card:#181f27;--ink:#e6ebf1;--soft:#a5b1be;--line:#2d3743;
--good:#6bd9a3;--warn:#f3ba6b;--bad:#ff9d94;--goodback:#15301f;--warnback:#35270f;--badback:#3d1b19;--quiet:#232c36;
--focus:#8ab8f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main,footer{max-width:84rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem 1rem;padding-top:1.25rem}
h1{font-size:1.5rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0 0 .5rem}
.well h2{margin:0}
p{margin:.25rem 0}
.soft{color:var(--soft)}
.fresh{margin-left:auto;display:flex;gap:.75rem;align-items:baseline}
button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.4rem;
padding:.1rem .75rem;cursor:pointer}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.25rem;margin:1rem 0}
section.warnings{border-left:.3rem solid var(--bad)}
section.well{border-left:.3rem solid var(--good);padding-block:.6rem}
.warnings ul{margin:0;padding:0;list-style:none}
.warnings li{padding:.35rem 0;overflow-wrap:anywhere;white-space:pre-wrap}
.warnings li+li{border-top:1px solid var(--line)}
dl.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:.75rem 1.25rem;margin:0}
dl.numbers dt{color:var(--soft);font-size:.85rem}
dl.numbers dd{margin:0;font-size:1.35rem;line-height:1.3;white-space:nowrap;font-variant-numeric:tabular-nums}
dl.numbers small{font-size:.85rem;color:var(--soft)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .75rem .35rem 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
thead th{color:var(--soft);font-weight:500;font-size:.85rem;white-space:nowrap}
tbody th{font-weight:600;white-space:nowrap}
.n{text-align:right;white-space:nowrap}
.n+td:not(.n),.n+th:not(.n){padding-left:.75rem}
.words{overflow-wrap:anywhere;min-width:14rem}
.pill{display:inline-block;border-radius:1rem;padding:0 .6rem;white-space:nowrap;background:var(--quiet)}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.pill.good{background:var(--goodback)}.pill.warn{background:var(--warnback)}.pill.bad{background:var(--badback)}
details{margin-top:.75rem}
summary{cursor:pointer;padding:.15rem 0}
ol.done{margin:0;padding:0;list-style:none}
ol.done li{display:grid;grid-template-columns:5.5rem 1fr;gap:.75rem;padding:.3rem 0;overflow-wrap:anywhere}
ol.done li+li{border-top:1px solid var(--line)}
ol.done span{white-space:pre-wrap}
footer{padding-bottom:2rem;color:var(--soft);font-size:.9rem}
footer a{color:inherit}
@media(max-width:40rem){ol.done li{grid-template-columns:1fr;gap:0}.fresh{margin-left:0}}
"""

SCRIPT = """
(() => {
  const button = document.querySelector('#pause'), fresh = document.querySelector('#fresh');
  let paused = false, asking = false;
  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    button.setAttribute('aria-pressed', String(paused));
  });
  setInterval(async () => {
    if (paused || asking || document.hidden) return;
    asking = true;
    try {
      const answer = await fetch(location.href, {signal: AbortSignal.timeout(10000)});
      if (!answer.ok) throw new Error();
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const open = [...document.querySelectorAll('details[open]')].map(one => one.id);
      const focused = document.activeElement && document.activeElement.id;
      const places = [...document.querySelectorAll('.wide')].map(one => [one.id, one.scrollLeft]);
      document.querySelector('main').replaceWith(page.querySelector('main'));
      for (const id of open) { const one = document.getElementById(id); if (one) one.open = true; }
      for (const [id, x] of places) { const one = document.getElementById(id); if (one) one.scrollLeft = x; }
      if (focused) { const one = document.getElementById(focused); if (one) one.focus({preventScroll: true}); }
      document.querySelector('h1').textContent = page.querySelector('h1').textContent;
      document.querySelector('#file').textContent = page.querySelector('#file').textContent;
      fresh.textContent = page.querySelector('#fresh').textContent;
      fresh.className = '';
      document.title = page.title;
    } catch {
      if (!fresh.className) { fresh.textContent = 'no answer, last ' + fresh.textContent; fresh.className = 'bad'; }
    } finally {
      asking = false;
    }
  }, 2000);
})();
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


POLICY = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{_hash(STYLE)}'; script-src 'sha256-{_hash(SCRIPT)}'"
)
