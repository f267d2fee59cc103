"""headroom: gives a clipped photograph, plate or panorama its linear light back."""
