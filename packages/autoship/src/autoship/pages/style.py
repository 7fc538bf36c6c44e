"""The style sheet of the pages: the report's, and what links, lists, forms and notices need besides."""

from __future__ import annotations

from autoship.report.style import STYLE as REPORT_STYLE

STYLE = (
    REPORT_STYLE
    + """
a { color: var(--series-0); text-underline-offset: .15em; }
a:focus-visible, button:focus-visible, input:focus, input:focus-within, select:focus-visible {
  outline: 3px solid var(--series-0); outline-offset: 2px; border-radius: .15rem; }
main:focus { outline: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; display: inline-block; margin-bottom: .5rem; }
.top { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; margin-bottom: 1.25rem; }
.home { font-weight: 700; color: var(--ink); text-decoration: none; }
.top nav { min-width: 0; }
.top ol { display: flex; flex-wrap: wrap; list-style: none; margin: 0; padding: 0; color: var(--muted); }
.top li { min-width: 0; overflow-wrap: anywhere; } .top li::before { content: "/"; padding-right: .6rem; }
.top li:not(:last-child) { padding-right: .6rem; }
.top li .name { display: inline-block; max-width: min(24rem, 78vw); overflow: hidden; text-overflow: ellipsis;
  white-space: pre; vertical-align: bottom;
  text-decoration: underline; text-underline-offset: .15em; }
h1 { overflow-wrap: anywhere; } h1 + section, .facts + p { margin-top: 1rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
.name { white-space: pre-wrap; overflow-wrap: anywhere; }
.name em { font-style: normal; font-weight: 700; text-decoration: underline 2px var(--warning);
  text-underline-offset: .2em; }
.notice { border: 1px solid var(--warning); border-left-width: .4rem; border-radius: .3rem; padding: .6rem 1rem;
  background: var(--paper); max-width: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: .75rem 1.5rem;
  margin: 0; }
.facts div { min-width: 0; } .facts dt { color: var(--muted); } .facts dd { margin: 0; overflow-wrap: anywhere; }
caption { text-align: left; color: var(--muted); padding-bottom: .4rem; }
.list th.words, .list td.words { text-align: left; white-space: normal; }
.list td.words { min-width: 8rem; overflow-wrap: anywhere; }
.list tbody th { overflow-wrap: anywhere; min-width: 10rem; white-space: normal; font-weight: 500; }
.list tr > :last-child { padding-right: 0; } .list + p { margin: .5rem 0 0; }
form { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: .75rem 1rem;
  align-items: end; }
form.search { display: flex; flex-wrap: wrap; } form.search label { flex: 1 1 12rem; max-width: 24rem; }
form.login { grid-template-columns: minmax(0, 24rem); }
label { display: block; min-width: 0; color: var(--muted); }
input, select, button { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--muted);
  border-radius: .35rem; padding: .4rem .6rem; min-height: 2.75rem; width: 100%; }
button { width: auto; cursor: pointer; background: var(--series-0); border-color: var(--series-0); color: var(--paper);
  font-weight: 600; padding: .4rem 1.25rem; justify-self: start; }
.links { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; list-style: none; margin: .75rem 0 0; padding: 0; }
.links a { display: inline-block; padding: .3rem 0; }
pre { overflow-x: auto; margin: .5rem 0 .75rem; padding: .75rem 1rem; border: 1px solid var(--rule);
  border-radius: .35rem; background: var(--ground); font-size: .9rem; }
pre:focus-visible { outline: 3px solid var(--series-0); outline-offset: 2px; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.bars { display: inline-block; width: 12rem; max-width: 25vw; height: .75rem; margin-left: .75rem;
  vertical-align: middle; }
.bars .all { fill: var(--rule); } .bars .part { fill: var(--series-0); } .bars .other { fill: var(--series-4); }
ul.reasons { padding-left: 1.2rem; margin: 0; } .reasons li { overflow-wrap: anywhere; margin-bottom: .25rem; }
@media (max-width: 60rem) {
  .list thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .list, .list tbody, .list tr, .list caption { display: block; }
  .list tr { border-bottom: 1px solid var(--rule); padding: .6rem 0; }
  .list tr:last-child { border-bottom: 0; }
  .list tbody th, .list td, .list td.words { display: flex; justify-content: space-between; gap: .5rem; border: 0;
    padding: .1rem 0; align-items: baseline; min-width: 0; }
  .list td { text-align: right; white-space: normal; }
  .list td > * { min-width: 0; }
  .list td::before { content: attr(data-label); color: var(--muted); flex: none; max-width: 55%; text-align: left; }
  .list tbody th { font-size: 1.05rem; }
}
@media print { .skip, form, .links { display: none; } }
"""
)
