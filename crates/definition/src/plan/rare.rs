//! What hardly any field has: plans are kept, and have tens of thousands of fields.

use std::ops::{Deref, DerefMut};

use super::Marks;

/// Something that takes no room where it is what it is without anything said.
#[derive(Debug, Clone)]
pub struct Rare<T>(Option<Box<T>>);

/// What is there where nothing was said.
pub trait Blank: Default + PartialEq + 'static {
    /// The same as the default.
    const BLANK: &'static Self;
}

impl Blank for String {
    const BLANK: &'static Self = &Self::new();
}

impl<T: PartialEq + 'static> Blank for Vec<T> {
    const BLANK: &'static Self = &Self::new();
}

impl Blank for Marks {
    const BLANK: &'static Self = &Self::NONE;
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Blank> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Self((value != *T::BLANK).then(|| Box::new(value)))
    }
}

impl<T: Blank> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::BLANK)
    }
}

impl<T: Blank> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
