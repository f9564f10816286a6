"""What a notebook shows of a panel: the widget, and the output that stays when the kernel is gone."""
