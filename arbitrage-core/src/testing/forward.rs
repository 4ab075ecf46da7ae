//! Methods that a wrapper hands on to the part that it wraps.

/// Implements each method by calling the method of the same name on the field `part`.
macro_rules! forward_to_part {
    () => {};
    (fn $name:ident(&self $(, $arg:ident: $type:ty)*) $(-> $output:ty)?; $($rest:tt)*) => {
        fn $name(&self $(, $arg: $type)*) $(-> $output)? {
            self.part.$name($($arg),*)
        }
        $crate::testing::forward::forward_to_part! { $($rest)* }
    };
    (fn $name:ident(&mut self $(, $arg:ident: $type:ty)*) $(-> $output:ty)?; $($rest:tt)*) => {
        fn $name(&mut self $(, $arg: $type)*) $(-> $output)? {
            self.part.$name($($arg),*)
        }
        $crate::testing::forward::forward_to_part! { $($rest)* }
    };
}
pub(super) use forward_to_part;
