"""The pages, one module each: what is asked, what is shown. Templates beside, styles and scripts under ``static``."""
