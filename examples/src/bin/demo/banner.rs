//! The machine, as it was found.

use burrow::prelude::*;

const LOGO: &str = r"
   ___
  | _ ) _  _  _ _  _ _  ___ __ __ __
  | _ \| || || '_|| '_|/ _ \\ V  V /
  |___/ \_,_||_|  |_|  \___/ \_/\_/    Go's scheduler as the operating system
";

pub fn print() {
    let machine = runtime::machine();
    println!("{LOGO}");
    println!("  cpu      {}", machine.cpu());
    println!("  machine  {}, booted by {}", machine.platform, machine.boot_protocol);
    println!("  cores    {}, each with a P", machine.cores);
    println!("  memory   {} MiB free", machine.memory >> 20);
    let micros = machine.time_to_main.as_micros();
    println!("  start    main began {}.{} ms after reset", micros / 1000, micros % 1000 / 100);
}
