"""The style of a page: light, dark, on a phone, on paper."""

from __future__ import annotations

__all__ = ["SERIES", "STYLE"]

# Colours of series that are told apart, each with a line and a marker of its own.
SERIES = 8
_LIGHT = "#0b63b6 #b3470a #0d7a5f #8e3a9d #8a5c00 #c2255c #3f6212 #4b5563".split()
_DARK = "#6cb2ff #ffa657 #56d4aa #d8a1f0 #f2cc60 #ff8fb1 #a5d66f #b1bac4".split()


def _colors(values: list[str]) -> str:
    return " ".join(f"--c{number}: {value};" for number, value in enumerate(values))


_LIGHT_COLORS = (
    "--ink: #1b1f24; --soft: #505964; --page: #ffffff; --line: #c3cad2; --axis: #76808b; "
    f"--block: #f3f5f8; --heat: 11, 99, 182; --wrong: 179, 71, 10; {_colors(_LIGHT)}"
)
_DARK_COLORS = (
    "--ink: #e6edf3; --soft: #aab5c1; --page: #12161c; --line: #3b4550; --axis: #7d8894; "
    f"--block: #1b222b; --heat: 56, 120, 190; --wrong: 190, 100, 40; {_colors(_DARK)}"
)
_SERIES = "\n".join(f".c{number} {{ --own: var(--c{number}); }}" for number in range(SERIES))
# How dark a cell is, in tenths; ink stays readable on the darkest.
_HEAT = "\n".join(
    f".h{level} {{ background: rgba(var(--heat), {level * 0.045:.3f}); fill-opacity: {level / 10}; }}\n"
    f".w{level} {{ background: rgba(var(--wrong), {level * 0.045:.3f}); fill-opacity: {level / 10}; }}"
    for level in range(11)
)

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT_COLORS} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK_COLORS} }} }}
@media print {{ :root {{ color-scheme: light; {_LIGHT_COLORS} }} }}
* {{ box-sizing: border-box; }}
html {{ scroll-behavior: smooth; }}
@media (prefers-reduced-motion: reduce) {{ html {{ scroll-behavior: auto; }} }}
body {{ font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0 auto;
  max-width: 72rem; padding: 1.5rem 1rem 3rem; overflow-wrap: break-word; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .5rem; padding-top: .75rem;
  border-top: 1px solid var(--line); }}
h3 {{ font-size: 1.05rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }}
p {{ margin: .5rem 0; max-width: 46rem; }}
a {{ color: var(--c0); }}
:focus-visible {{ outline: 3px solid var(--c0); outline-offset: 2px; }}
.soft, small, footer {{ color: var(--soft); }}
nav ul {{ list-style: none; padding: 0; margin: 1rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }}
nav a {{ display: inline-block; padding: .15rem 0; }}
pre, code {{ font-family: ui-monospace, monospace; font-size: .9em; }}
pre {{ background: var(--block); padding: .75rem; border-radius: .4rem; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: .5rem 0; }}
ul.notes {{ max-width: 46rem; padding-left: 1.2rem; }}
dl.facts {{ display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .25rem 1rem;
  margin: .75rem 0; max-width: 60rem; }}
dl.facts dt {{ color: var(--soft); }}
dl.facts dd {{ margin: 0; overflow-wrap: anywhere; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .75rem;
  list-style: none; padding: 0; margin: 1rem 0; }}
.tiles li {{ background: var(--block); border-radius: .5rem; padding: .75rem 1rem; }}
.tiles strong {{ display: block; font-size: 1.5rem; line-height: 1.2; font-variant-numeric: tabular-nums; }}
.tiles span {{ display: block; }}
.wide {{ overflow-x: auto; margin: .75rem 0; max-width: 100%; }}
table {{ border-collapse: collapse; font-size: .92rem; }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .35rem; }}
caption span {{ display: inline-block; position: sticky; left: 0; max-width: min(46rem, calc(100vw - 2rem)); }}
th, td {{ text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; unicode-bidi: isolate; }}
thead th {{ color: var(--soft); font-weight: 600; vertical-align: bottom; }}
tbody th {{ font-weight: 400; min-width: 8rem; max-width: 22rem; overflow-wrap: anywhere; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
td.s {{ white-space: nowrap; }}
td img {{ display: block; }}
table.matrix td {{ text-align: center; min-width: 2.4rem; padding: .25rem .35rem;
  font-variant-numeric: tabular-nums; }}
table.matrix thead th {{ text-align: center; font-weight: 400; padding: .25rem .35rem; max-width: 12rem;
  overflow-wrap: break-word; }}
figure {{ margin: 0; }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 1.5rem; align-items: start; margin: 1rem 0; }}
figure.chart {{ max-width: 36rem; min-width: 0; }}
figure.chart > figcaption {{ font-weight: 600; margin-bottom: .25rem; }}
figure.chart > svg {{ display: block; width: 100%; height: auto; }}
svg text {{ fill: var(--ink); font-size: 12px; font-family: system-ui, sans-serif; }}
svg text.soft {{ fill: var(--soft); }}
svg .end {{ text-anchor: end; }}
svg .middle {{ text-anchor: middle; }}
svg .axis {{ stroke: var(--axis); fill: none; }}
svg .grid {{ stroke: var(--line); stroke-width: .6; }}
svg .guide {{ stroke: var(--axis); stroke-dasharray: 3 4; fill: none; }}
{_SERIES}
svg .bar {{ fill: var(--own); }}
svg .track {{ fill: var(--block); }}
svg .whisker {{ stroke: var(--ink); stroke-width: 1.4; fill: none; }}
svg .curve {{ stroke: var(--own); stroke-width: 2; fill: none; }}
svg .band {{ fill: var(--own); fill-opacity: .18; }}
svg .dot {{ fill: var(--own); stroke: var(--page); stroke-width: .5; }}
svg .cell {{ fill: var(--c0); }}
svg .cell.off {{ fill: var(--c1); }}
.legend {{ display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; padding: 0; margin: .4rem 0 0;
  font-size: .9rem; }}
.legend svg {{ width: 1.6rem; height: .8rem; vertical-align: middle; margin-right: .35rem; }}
.legend span {{ overflow-wrap: anywhere; unicode-bidi: isolate; }}
.note {{ color: var(--soft); font-size: .9rem; }}
details {{ margin: .4rem 0; font-size: .92rem; }}
summary {{ cursor: pointer; color: var(--soft); padding: .15rem 0; }}
ul.cards {{ list-style: none; padding: 0; margin: .75rem 0; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }}
ul.cards.texts, ul.cards.sounds {{ grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }}
ul.cards > li {{ background: var(--block); border-radius: .5rem; padding: .7rem; font-size: .88rem;
  overflow-wrap: anywhere; break-inside: avoid; }}
ul.cards img {{ display: block; max-width: 100%; min-width: 6rem; border-radius: .3rem; margin-bottom: .4rem; }}
ul.cards audio {{ display: block; width: 100%; margin-bottom: .4rem; }}
ul.cards p {{ margin: .1rem 0; }}
ul.cards bdi {{ overflow-wrap: anywhere; }}
blockquote {{ margin: 0 0 .4rem; padding-left: .7rem; border-left: 3px solid var(--axis);
  overflow-wrap: anywhere; white-space: pre-wrap; }}
mark {{ color: inherit; }}
{_HEAT}
svg .cell.h0, svg .cell.w0 {{ background: none; }}
footer {{ margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem; font-size: .9rem; }}
@media (max-width: 40rem) {{
  body {{ padding: 1rem .75rem 2rem; }}
  h1 {{ font-size: 1.35rem; }}
  dl.facts {{ grid-template-columns: 1fr; gap: 0; }}
  dl.facts dd {{ margin-bottom: .4rem; }}
  .tiles {{ grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }}
  tbody th {{ max-width: 11rem; }}
  ul.cards {{ grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.5rem), 1fr)); }}
}}
@media print {{
  @page {{ margin: 14mm; }}
  body {{ max-width: none; padding: 0; font-size: 10pt; }}
  nav, audio, details.numbers {{ display: none; }}
  h2, h3, caption, figcaption {{ break-after: avoid; }}
  figure, tr, .tiles li {{ break-inside: avoid; }}
  .wide {{ overflow: visible; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  details::details-content {{ content-visibility: visible; block-size: auto; }}
}}
"""
