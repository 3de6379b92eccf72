"""Charts as SVG text: axes, series, and the colours of policies. Which charts a page has: the page's own module."""
