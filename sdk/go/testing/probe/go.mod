module probe

go 1.24

require streamline/guest v0.0.0

replace streamline/guest => ../../lib
