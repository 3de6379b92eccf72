"""Charts as SVG text: axes, series, and the colours of policies. Each page's module chooses its charts."""
