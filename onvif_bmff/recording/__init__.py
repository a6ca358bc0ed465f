"""Where does a segment start and end? Fragments, segments, spans and the recorder; see ``recorder``."""
