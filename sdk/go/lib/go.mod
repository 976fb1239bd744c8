module streamline/guest

go 1.24
