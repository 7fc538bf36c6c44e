"""The page's style sheet: one column on a telephone, two on a desk, light or dark as the reader's system is."""

from __future__ import annotations

from autoship.report.svg import CHART_STYLE

STYLE = (
    """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ground: #f4f5f7; --ink: #1b1f24; --muted: #57606a; --rule: #d8dce1;
  --warning: #b3261e; --good: #1a7f37;
  --series-0: #0b57d0; --series-1: #b35900; --series-2: #00796b; --series-3: #8e24aa; --series-4: #5f6368;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1b1f24; --ground: #121519; --ink: #e8eaed; --muted: #a4adb8; --rule: #39414a;
    --warning: #ff8a80; --good: #6fdd8b;
    --series-0: #82b1ff; --series-1: #ffb870; --series-2: #5fd4c4; --series-3: #dd9bf0; --series-4: #b0b6bd;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: clamp(1rem, 3vw, 2.5rem); max-width: 84rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: break-word;
}
h1 { font-size: clamp(1.5rem, 1.2rem + 1.6vw, 2.25rem); line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .5rem; }
p { margin: 0 0 .75rem; max-width: 70ch; }
.lede { color: var(--muted); }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); gap: 1rem; padding: 0;
  margin: 1.5rem 0; list-style: none; }
.numbers li, section { background: var(--paper); border: 1px solid var(--rule); border-radius: .6rem; padding: 1rem; }
.numbers strong { display: block; font-size: 2rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.numbers span { color: var(--muted); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); gap: 1rem; }
section { min-width: 0; margin-bottom: 1rem; }
.plots section { margin: 0; display: flex; flex-direction: column; }
.plots details { margin-top: auto; }
.plots + section { margin-top: 1rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .25rem 0 .75rem; }
.legend li { display: flex; align-items: center; gap: .5rem; }
.sample { width: 30px; height: 12px; flex: none; } .sample .line { stroke-width: 2.5; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--muted); }
summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--series-0); outline-offset: 2px; }
.scroll { overflow-x: auto; margin-top: .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem .4rem 0; text-align: right; border-bottom: 1px solid var(--rule);
  vertical-align: middle; }
th { color: var(--muted); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; } tbody th { color: var(--ink); font-weight: 500; vertical-align: middle; }
.scroll table { width: auto; min-width: 100%; } .scroll th, .scroll td { white-space: nowrap; }
.kept { color: var(--good); } .broken { color: var(--warning); font-weight: 600; }
footer { color: var(--muted); margin-top: 1.5rem; }
@media (max-width: 46rem) {
  .customers thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .customers, .customers tbody, .customers tr { display: block; }
  .customers tr { border-bottom: 1px solid var(--rule); padding: .6rem 0; }
  .customers th, .customers td { display: flex; justify-content: space-between; gap: 1rem; border: 0; text-align: left;
    padding: .1rem 0; align-items: center; }
  .customers td::before { content: attr(data-label); color: var(--muted); white-space: normal; }
  .customers th { font-size: 1.05rem; overflow-wrap: anywhere; }
}
@media print { body { background: none; } section, .numbers li { break-inside: avoid; } }
"""
    + CHART_STYLE
)
