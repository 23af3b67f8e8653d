"""Pictures and files that people take away: plotly figures, PNG overlays, QuPath GeoJSON, tables, contact sheets."""
