"""What each operation of clause 5 does: functions of a transaction, one module for each noun."""
