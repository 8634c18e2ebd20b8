/** The 64 of Matrix's table (Client-Server API, "SAS method: emoji"), in its order; names in its English. */
const table =
  "🐶 dog,🐱 cat,🦁 lion,🐎 horse,🦄 unicorn,🐷 pig,🐘 elephant,🐰 rabbit,🐼 panda,🐓 rooster,🐧 penguin,🐢 turtle,🐟 fish,🐙 octopus,🦋 butterfly,🌷 flower,🌳 tree,🌵 cactus,🍄 mushroom,🌏 globe,🌙 moon,☁️ cloud,🔥 fire,🍌 banana,🍎 apple,🍓 strawberry,🌽 corn,🍕 pizza,🎂 cake,❤️ heart,😀 smiley,🤖 robot,🎩 hat,👓 glasses,🔧 spanner,🎅 santa,👍 thumbs up,☂️ umbrella,⌛ hourglass,⏰ clock,🎁 gift,💡 light bulb,📕 book,✏️ pencil,📎 paperclip,✂️ scissors,🔒 lock,🔑 key,🔨 hammer,☎️ telephone,🏁 flag,🚂 train,🚲 bicycle,✈️ aeroplane,🚀 rocket,🏆 trophy,⚽ ball,🎸 guitar,🎺 trumpet,🔔 bell,⚓ anchor,🎧 headphones,📁 folder,📌 pin"
    .split(",")
    .map((entry) => ({ symbol: entry.slice(0, entry.indexOf(" ")), name: entry.slice(entry.indexOf(" ") + 1) }));

/** What both people compare, in both of its forms. They say the same: either is enough. */
export interface SasSymbols {
  /** Five. */
  readonly emoji: readonly { readonly symbol: string; readonly name: string }[];
  /** Three, each from 1000 to 2023. */
  readonly numbers: readonly string[];
}

/** Both forms of a short authentication string of 30 bits. */
export function sasSymbols(sas: number): SasSymbols {
  const bits = (at: number, count: number): number => Math.floor(sas / 2 ** (30 - at - count)) % 2 ** count;
  return {
    emoji: [0, 6, 12, 18, 24].map((at) => table[bits(at, 6)] ?? { symbol: "", name: "" }), // 6 bits are below 64
    numbers: [0, 10, 20].map((at) => String(1000 + bits(at, 10))),
  };
}
