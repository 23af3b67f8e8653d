"""From the public GDC to a cohort folder: what a person downloaded, or what the GDC's interface is asked for."""
