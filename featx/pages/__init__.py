"""Self-contained HTML pages: escaped markup, tables, charts in SVG and media; no script, no network."""
