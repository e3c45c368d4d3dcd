"""Choose a backbone, a layer and a head by measuring them on labelled samples, before all is embedded."""
