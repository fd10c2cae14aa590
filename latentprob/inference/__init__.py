"""Program and data in, draws out: SVI, NUTS and maximum likelihood. Raw draws: nothing here aligns labels or signs."""
