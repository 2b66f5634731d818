/* words.c - everyday words, so that the corpus reads like English and a tiny vocabulary holds it. */
#include "config.h"

#include "world.h"

/* Neighbours in this list come from different departments, so that a world with few categories has many departments. */
const WorldCategory world_categories[WORLD_MAX_CATEGORIES] = {
  { "outdoor", "tent" },          { "kitchen", "kettle" },      { "garden", "spade" },
  { "music", "guitar" },          { "art", "easel" },           { "office", "stapler" },
  { "sport", "bicycle" },         { "home", "blanket" },        { "outdoor", "sleeping bag" },
  { "kitchen", "frying pan" },    { "garden", "watering can" }, { "music", "music stand" },
  { "art", "sketchbook" },        { "office", "desk lamp" },    { "sport", "helmet" },
  { "home", "pillow" },           { "outdoor", "lantern" },     { "kitchen", "rolling pin" },
  { "garden", "rake" },           { "music", "drum" },          { "art", "paint brush" },
  { "office", "calendar" },       { "sport", "tennis racket" }, { "home", "curtain" },
  { "outdoor", "camp stove" },    { "kitchen", "teapot" },      { "garden", "flower pot" },
  { "music", "flute" },           { "art", "crayon box" },      { "office", "ink pen" },
  { "sport", "yoga mat" },        { "home", "candle" },         { "outdoor", "backpack" },
  { "kitchen", "toaster" },       { "garden", "wheelbarrow" },  { "music", "keyboard" },
  { "art", "clay kit" },          { "office", "armchair" },     { "sport", "jump rope" },
  { "home", "mirror" },           { "outdoor", "hammock" },     { "kitchen", "cutting board" },
  { "garden", "garden hose" },    { "music", "metronome" },     { "art", "picture frame" },
  { "office", "filing cabinet" }, { "sport", "football" },      { "home", "rug" },
};

/* Invented, so that no pretrained model knows them. */
const char *const world_brands[WORLD_MAX_BRANDS] = {
  "Norvik",  "Tessaro", "Bramley", "Oakline", "Verano",   "Kestrel", "Lumora",  "Hartwell",
  "Solveig", "Marlow",  "Quillon", "Redfern", "Arbora",   "Calder",  "Dunmore", "Elmhurst",
  "Fenwick", "Galena",  "Hollis",  "Ivara",   "Junipera", "Kalmar",  "Lindor",  "Pinecrest",
};

const char *const world_adjectives[WORLD_N_ADJECTIVES] = {
  "compact", "sturdy",  "light",   "classic",  "modern", "foldable",  "elegant", "simple",
  "handy",   "premium", "rugged",  "smooth",   "slim",   "large",     "small",   "quiet",
  "bright",  "soft",    "vintage", "portable", "solid",  "practical", "stylish", "basic",
};

const char *const world_colours[WORLD_N_COLOURS] = {
  "green", "blue", "red", "black", "white", "yellow", "orange", "purple", "grey", "brown", "pink", "silver",
};

const char *const world_features[WORLD_N_FEATURES] = {
  "It is easy to clean.",
  "It comes with a two year warranty.",
  "It is a good present.",
  "It is made to last.",
  "It fits into a small room.",
  "It needs no tools.",
  "It is packed in recycled paper.",
  "It has won a design award.",
  "It is made by hand.",
  "It is our best seller.",
  "It is safe for children.",
  "It weighs very little.",
  "It looks better every year.",
  "It is tested by experts.",
  "It is easy to carry.",
  "It is sold at a fair price.",
};
