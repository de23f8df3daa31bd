"""The HTTP dialects of other background removers, so that programs written for them work here."""
